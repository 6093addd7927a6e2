"""Commands that run a tool without the model."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, Result, Session
from tools.calculator import calculate, format_number


def _calculate(session: Session, arguments: Mapping[str, str]) -> Result:
    return Result(format_number(calculate(arguments["expression"])))


COMMANDS = (
    Command(
        "calc",
        "Calculate, for example /calc 2 * (3 + 4).",
        _calculate,
        (Argument("expression", "Arithmetic."),),
    ),
)
