"""What a script can say: one table of operations, each with the JSON Schema of its value.

Every slash command is an operation of the same name; its value is what would be typed after the
name, or an object of its arguments. The few others are what a command line has no use for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from chatapp.assistant.commands import COMMANDS, Command, find_command
from chatapp.assistant.events import Grounding
from chatapp.assistant.run import Decision
from chatapp.cli.options import LARGEST_SEED
from chatapp.settings import KEYS

Schema = dict[str, Any]


class ScriptError(ValueError):
    """A line cannot be used; the message names the line and what is allowed."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")


@dataclass(frozen=True)
class Operation:
    """One step of a script: where it stands, its name, and its value as JSON."""

    line: int
    name: str
    value: Any = None


def settings_schema() -> Schema:
    """Return the schema of `set`: the sampling settings with their limits, and the switches."""
    generation = {
        name.removeprefix("generation."): _number(key.type, key.low, key.high, key.help)
        for name, key in KEYS.items()
        if name.startswith("generation.")
    }
    switches = {
        "greedy": {"type": "boolean", "description": "Always choose the most likely token."},
        "seed": _number(int, 0, LARGEST_SEED, "Make sampling repeatable."),
        "sources": {"type": "boolean", "description": "Answer from the index."},
        "memory": {"type": "boolean", "description": "Read and write memory."},
        "tools": {"type": "boolean", "description": "Compute, look up the time, run tools."},
        "web": {"type": "boolean", "description": "Let tools search the web and open pages."},
    }
    return _object(generation | switches)


def expect_schema() -> Schema:
    """Return the schema of `expect`: what the last answer is held against."""
    text = {"type": "string"}
    texts = {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}
    return _object(
        {
            "contains": texts | {"description": "Stands in the answer; a list: all of them."},
            "regex": text | {"description": "Matches somewhere in the answer (Python's syntax)."},
            "equals": text | {"description": "Is the answer."},
            "cites": _number(int, 0, None, "At least so many citations."),
            "grounded": {"type": "boolean", "description": "Every sentence is a quote, or not."},
            "grounding": {"enum": list(get_args(Grounding))},
            "tool": text | {"description": "A tool of this name gave a result."},
            "memory": text | {"description": "A memory used for the answer holds this."},
            "max_ms": _number(int, 1, None, "The answer took at most so many milliseconds."),
        }
    )


def interrupt_schema() -> Schema:
    """Return the schema of `interrupt`: after how many tokens the next answer is stopped."""
    count = {"type": "integer", "minimum": 1}
    whole = _object({"after_tokens": count}) | {"required": ["after_tokens"]}
    return {"anyOf": [count, whole]}


def approve_schema() -> Schema:
    """Return the schema of `approve`: which tools may run when they ask."""
    tool = {"type": "string", "pattern": r"\S", "description": "A tool's name, or a glob of names."}
    decision = {
        "enum": list(get_args(Decision)),
        "description": "For one call, for the rest of the session (if left out), or never.",
    }
    whole = _object({"tool": tool, "decision": decision}) | {"required": ["tool"]}
    return {"anyOf": [tool, whole]}


def command_schema(command: Command) -> Schema:
    """Return the schema of a slash command's value."""
    forms: list[Schema] = [{"type": ["string", "number"]}, command.schema()]
    if not any(argument.required for argument in command.arguments):
        forms.append({"type": "null"})
    return {"anyOf": forms, "description": command.help}


@cache
def operation_schemas() -> Mapping[str, Schema]:
    """Return the schema of each operation's value by name: a script's own, then the commands."""
    text = {"type": "string", "pattern": r"\S"}
    own: dict[str, Schema] = {
        "user": text | {"description": "Send a message and wait for its answer."},
        "system": {"type": "string", "description": "Give the model an instruction from here on."},
        "set": settings_schema() | {"description": "Change how answers are made from here on."},
        "interrupt": interrupt_schema() | {"description": "Stop the next answer."},
        "approve": approve_schema() | {"description": "Decide on tools that ask, in advance."},
        "expect": expect_schema() | {"description": "Hold the last answer against this."},
        "save": text | {"description": "Write the last answer's text to this file."},
    }
    return own | {c.name: command_schema(c) for c in COMMANDS if c.name not in own}


def check_meaning(name: str, value: Any) -> None:
    """Check what a schema cannot say.

    Raises:
        ValueError, CommandError: the value cannot be used; the message says why.
    """
    check = _MEANINGS.get(name, _check_command)
    check(name, value)


def arguments_of(name: str, value: Any) -> dict[str, str]:
    """Return a command's arguments by name, from any form of its value. Raises CommandError."""
    if isinstance(value, Mapping):
        return dict(value)
    return find_command(name).parse("" if value is None else str(value))


def _check_command(name: str, value: Any) -> None:
    find_command(name).check(arguments_of(name, value))


def _check_expect(name: str, value: Any) -> None:
    try:
        re.compile(value.get("regex", ""))
    except re.error as error:
        raise ValueError(f"'regex' is no regular expression: {error}") from error


def _nothing(name: str, value: Any) -> None:
    """Accept what the schema accepted."""


_MEANINGS: dict[str, Callable[[str, Any], None]] = {
    "expect": _check_expect,
    **dict.fromkeys(("user", "system", "set", "interrupt", "approve", "save"), _nothing),
}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "minProperties": 1,
        "additionalProperties": False,
    }


def _number(kind: type, low: float | None, high: float | None, help: str) -> Schema:
    limits = {"minimum": low, "maximum": high}
    return {
        "type": "integer" if kind is int else "number",
        **{name: limit for name, limit in limits.items() if limit is not None},
        "description": help,
    }
