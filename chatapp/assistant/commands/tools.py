"""Commands that run a tool without the model."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, Result, Session
from tools.calculator import Calculator
from tools.registry import ToolRegistry


def _calculate(session: Session, arguments: Mapping[str, str]) -> Result:
    return Result(_TOOLS.run("calculator", arguments))


_TOOLS = ToolRegistry([Calculator()])

COMMANDS = (
    Command(
        "calc",
        "Calculate, for example /calc 2 * (3 + 4).",
        _calculate,
        (Argument("expression", "Arithmetic."),),
    ),
)
