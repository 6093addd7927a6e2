"""Reads a script, in YAML or as JSON lines, and checks all of it before anything is run.

    - user: What is the Kaaba?                        {"user": "What is the Kaaba?"}
    - expect: {contains: Mecca, cites: 1}             {"expect": {"contains": "Mecca", "cites": 1}}
    - regenerate                                      "regenerate"

Both forms hold the same operations. A text whose first line begins with `{` or a quotation mark
is JSON lines; empty lines and lines that start with `#` are left out in both.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from chatapp.assistant.commands import CommandError
from chatapp.cli.script.operations import (
    Operation,
    ScriptError,
    check_meaning,
    operation_schemas,
)
from chatapp.cli.script.schema import check_value
from retrieval.text import sanitize_text


def parse_script(text: str) -> list[Operation]:
    """Return the operations of a script.

    Raises:
        ScriptError: something cannot be used. Nothing has been run then.
    """
    try:
        return [make_operation(line, item) for line, item in _items(text)]
    except RecursionError as error:
        raise ScriptError(1, "the script is nested too deeply") from error


def make_operation(line: int, item: Any) -> Operation:
    """Return the operation that `item` is: an object with one key, or a name alone.

    Raises:
        ScriptError: it is none, or its value cannot be used.
    """
    if isinstance(item, str):
        item = {item: None}
    if not isinstance(item, dict) or len(item) != 1:
        raise ScriptError(line, f"write one object with one of {_known()}")
    [(name, value)] = item.items()
    if name not in operation_schemas():
        nearest = difflib.get_close_matches(name, operation_schemas(), n=1)
        fix = f"did you mean {nearest[0]!r}?" if nearest else f"there are {_known()}"
        raise ScriptError(line, f"there is no operation {name!r}; {fix}")
    if isinstance(value, str):
        value = sanitize_text(value)
    try:
        check_value(name, value)
        check_meaning(name, value)
    except (ValueError, CommandError) as error:
        raise ScriptError(line, str(error)) from error
    return Operation(line, name, value)


def _items(text: str) -> Iterator[tuple[int, Any]]:
    first = next((line.lstrip() for line in text.split("\n") if _counts(line)), "")
    if not first.startswith(("{", '"')):
        from chatapp.cli.script.yaml_form import items  # here: JSON lines need no YAML

        yield from items(text)
        return
    # Not `splitlines`: JSON texts may hold the other characters that it takes for line ends.
    for number, line in enumerate(text.split("\n"), start=1):
        if _counts(line):
            yield number, _json(number, line)


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _json(number: int, line: str) -> Any:
    try:
        return json.loads(line, object_pairs_hook=_without_repeats, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        problem = f"this is no JSON ({error.msg}, column {error.colno})"
        raise ScriptError(number, problem) from error
    except RecursionError as error:
        raise ScriptError(number, "this is nested too deeply") from error
    except ValueError as error:
        raise ScriptError(number, str(error)) from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs; JSON would drop all but the last of a repeated key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _known() -> str:
    return ", ".join(operation_schemas())
