"""The envelope of `--output jsonl`: version, number, time, conversation and turn of each event.

The JSON Schema is derived from the event dataclasses, so it cannot drift from what is written.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from chatapp.assistant.events import Event, TurnStart
from chatapp.conversations.ids import timestamp

VERSION = 1

_PLAIN: dict[object, dict[str, str]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    types.NoneType: {"type": "null"},
}


class Envelope:
    """Numbers and stamps the events of one session."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._seq = 0
        self._turn = 0
        self._conversation: str | None = None

    def wrap(self, event: Event) -> dict[str, Any]:
        """Return the event as the flat JSON object of one line.

        `turn` counts from 1; events before the first turn carry 0 and no conversation.
        """
        if isinstance(event, TurnStart):
            self._turn += 1
            self._conversation = event.conversation
        self._seq += 1
        head = {
            "v": VERSION,
            "seq": self._seq,
            "ts": timestamp(self._clock()),
            "type": event.type,
            "conversation": self._conversation,
            "turn": self._turn,
        }
        return head | {name: _rounded(value) for name, value in event.payload().items()}


def _rounded(value: Any) -> Any:
    """Round floats to a thousandth: scores of the reader differ by a millionth between machines."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return value


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every line of `--output jsonl` meets."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chatapp session events",
        "oneOf": [_line(kind) for kind in Event.__subclasses__()],
    }


def _line(kind: type[Event]) -> dict[str, Any]:
    head = {
        "v": {"const": VERSION},
        "seq": {"type": "integer", "minimum": 1},
        "ts": {"type": "string", "format": "date-time"},
        "type": {"const": kind.type},
        "conversation": {"type": ["string", "null"]},
        "turn": {"type": "integer", "minimum": 0},
    }
    return _closed(head | fields_schema(kind), kind.type)


def fields_schema(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of each field of an event, or of what one holds, by name."""
    hints = get_type_hints(kind)
    return {item.name: _schema(hints[item.name]) for item in dataclasses.fields(kind)}


def _closed(properties: dict[str, Any], title: str) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema(hint: Any) -> dict[str, Any]:
    if hint is Any:
        return {}
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _closed(fields_schema(hint), hint.__name__)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is dict:
        return {"type": "object"}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(argument) for argument in arguments]}
    raise TypeError(f"events may not hold {hint}: it has no JSON form")
