"""The language of `chatapp run`: one JSON object a line, one operation each, all checked first.

    {"user": "What is the Kaaba?"}
    {"expect": {"contains": "Mecca", "cites": 1, "grounding": "grounded"}}
    {"set": {"max_tokens": 40, "greedy": true, "sources": false}}
    {"system": "Answer in one sentence."}
    {"interrupt": {"after_tokens": 5}}          stops the next answer
    {"command": {"name": "rename", "args": {"title": "Kaaba"}}}

Empty lines and lines that start with `#` are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from chatapp.assistant.commands import CommandError, find_command
from chatapp.assistant.events import Grounding
from chatapp.cli.options import LARGEST_SEED
from chatapp.settings import KEYS, SettingsError
from chatapp.settings.values import convert
from retrieval.text import sanitize_text


class ScriptError(ValueError):
    """A line is no operation; the message names the line and what is allowed."""


@dataclass(frozen=True)
class Operation:
    """One line of a script. `value` is text for user and system, else an object."""

    line: int
    name: str
    value: Any


@dataclass(frozen=True)
class Said:
    """What an `expect` is held against: the last answer."""

    text: str
    cites: int
    grounding: str | None


_GENERATION = {
    name.removeprefix("generation."): key
    for name, key in KEYS.items()
    if name.startswith("generation.")
}
_SETTINGS: dict[str, tuple[type, ...]] = {
    **{name: (int, float) if key.type is float else (int,) for name, key in _GENERATION.items()},
    "greedy": (bool,),
    "seed": (int,),
    "sources": (bool,),
}
_EXPECTATIONS: dict[str, tuple[type, ...]] = {
    "contains": (str,),
    "regex": (str,),
    "equals": (str,),
    "cites": (int,),
    "grounding": (str,),
}


def parse_script(text: str) -> list[Operation]:
    """Return the operations of a script.

    Raises:
        ScriptError: a line cannot be used. Nothing has been run then.
    """
    operations = []
    # Not `splitlines`: JSON texts may hold the other characters that it takes for line ends.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                operations.append(_operation(number, line))
            except (ValueError, CommandError) as error:
                raise ScriptError(f"line {number}: {error}") from error
    return operations


def unmet(expected: Mapping[str, Any], said: Said) -> list[str]:
    """Return what of an `expect` the last answer does not meet, as sentences."""
    checks: dict[str, tuple[bool, str]] = {
        "contains": (str(expected.get("contains", "")) in said.text, "the answer does not contain"),
        "regex": (bool(re.search(expected.get("regex", ""), said.text)), "the answer has no match"),
        "equals": (said.text == expected.get("equals"), "the answer does not equal"),
        "cites": (said.cites >= expected.get("cites", 0), f"{said.cites} citations, expected"),
        "grounding": (
            said.grounding == expected.get("grounding"),
            f"the grounding is {said.grounding}, expected",
        ),
    }
    return [f"{checks[key][1]} {expected[key]!r}" for key in expected if not checks[key][0]]


def _operation(number: int, line: str) -> Operation:
    try:
        value = json.loads(line, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is no JSON ({error.msg}, column {error.colno})") from error
    except RecursionError as error:
        raise ValueError("this is nested too deeply") from error
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"write one object with one of {_listed(_CHECKS)}")
    [(name, argument)] = value.items()
    if name not in _CHECKS:
        raise ValueError(f"there is no operation {name!r}; there are {_listed(_CHECKS)}")
    if isinstance(argument, str):
        argument = sanitize_text(argument)
    _CHECKS[name](argument)
    return Operation(number, name, argument)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs; JSON would drop all but the last of a repeated key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _check_text(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("it takes a text")


def _check_user(value: Any) -> None:
    _check_text(value)
    if not value.strip():
        raise ValueError("a user message cannot be empty")


def _check_object(value: Any, allowed: Mapping[str, tuple[type, ...]]) -> None:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"it takes an object with some of {_listed(allowed)}")
    for key, item in value.items():
        if key not in allowed:
            raise ValueError(f"there is no {key!r} here; there are {_listed(allowed)}")
        if type(item) not in allowed[key]:
            raise ValueError(f"{key!r} cannot be {json.dumps(item)}")


def _check_set(value: Any) -> None:
    _check_object(value, _SETTINGS)
    if not 0 <= value.get("seed", 0) <= LARGEST_SEED:
        raise ValueError(f"'seed' is from 0 to {LARGEST_SEED}")
    for name in value.keys() & _GENERATION.keys():
        try:
            convert(_GENERATION[name], value[name], "set")
        except SettingsError as error:
            raise ValueError(f"{error.message}; {error.hint}") from error


def _check_expect(value: Any) -> None:
    _check_object(value, _EXPECTATIONS)
    if "grounding" in value and value["grounding"] not in get_args(Grounding):
        raise ValueError(f"'grounding' is one of {_listed(get_args(Grounding))}")
    try:
        re.compile(value.get("regex", ""))
    except re.error as error:
        raise ValueError(f"'regex' is no regular expression: {error}") from error


def _check_interrupt(value: Any) -> None:
    _check_object(value, {"after_tokens": (int,)})
    if value["after_tokens"] < 1:
        raise ValueError("'after_tokens' is at least 1")


def _check_command(value: Any) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError('it takes an object such as {"name": "rename", "args": {"title": "New"}}')
    if value.keys() - {"name", "args"}:
        raise ValueError("it takes 'name' and 'args' only")
    arguments = value.get("args", {})
    if not isinstance(arguments, dict) or not all(isinstance(a, str) for a in arguments.values()):
        raise ValueError("'args' is an object of texts")
    find_command(value["name"]).check(arguments)


_CHECKS: dict[str, Callable[[Any], None]] = {
    "user": _check_user,
    "system": _check_text,
    "set": _check_set,
    "expect": _check_expect,
    "interrupt": _check_interrupt,
    "command": _check_command,
}


def _listed(names: Mapping[str, object] | Sequence[str]) -> str:
    return ", ".join(names)
