"""Commands, one registry for every front end. A new one is a handler and a row in its module.

`conversations`, `organising`, `messages`, `answers`, `model`, `memory`, `feedback`, `tools` and
`web` hold the commands by what they act on.
"""

from chatapp.assistant.commands.protocol import (
    Argument,
    Command,
    CommandError,
    Result,
    Session,
)
from chatapp.assistant.commands.registry import COMMANDS, find_command, perform, run_line

__all__ = [
    "COMMANDS",
    "Argument",
    "Command",
    "CommandError",
    "Result",
    "Session",
    "find_command",
    "perform",
    "run_line",
]
