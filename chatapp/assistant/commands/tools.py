"""Commands that run a tool without the model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chatapp.assistant.commands.protocol import Argument, Command, Result, Session
from tools.calculator import evaluate, in_words


def _calculate(session: Session, arguments: Mapping[str, str]) -> Result:
    now = datetime.fromisoformat(session.assistant.store.now()).astimezone()
    return Result(in_words(evaluate(arguments["expression"], now)))


COMMANDS = (
    Command(
        "calc",
        "Calculate, for example /calc 2 * (3 + 4).",
        _calculate,
        (Argument("expression", "Arithmetic, times or dates."),),
    ),
)
