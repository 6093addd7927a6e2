"""Transcripts: what `--output jsonl` wrote, read back to be run again and compared.

A transcript holds its own script (the `operation` events) and what repeats it (`session.start`).
Compared strictly, every byte counts; else only what was said and done does, not ids, times and how
the text was cut into pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from chatapp.assistant.envelope import fields_schema
from chatapp.assistant.events import Event, OperationStart, SessionStart
from chatapp.cli.script.operations import Operation, ScriptError
from chatapp.cli.script.parse import make_operation
from chatapp.cli.script.schema import mistake, strict_validator
from chatapp.conversations.ids import timestamp

Line = Mapping[str, Any]

_ULID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
_PASSING = {"seq", "ts", "seconds", "first_token_seconds", "tokens_per_second", "clock", "seed"}


@dataclass(frozen=True)
class Transcript:
    """One recorded session: its lines as they were written, its start, and its script."""

    lines: tuple[str, ...]
    start: Line
    operations: tuple[Operation, ...]

    @property
    def clock(self) -> datetime | None:
        """The fixed time of the session; None when time passed."""
        clock = self.start["clock"]
        return datetime.fromisoformat(clock) if clock else None


@dataclass(frozen=True)
class Difference:
    """One place where two sessions differ; a missing line is None. `line` counts from 1."""

    line: int
    was: str | None
    now: str | None


def read_transcript(text: str) -> Transcript:
    """Read a transcript.

    Raises:
        ScriptError: it is none, or its script cannot be run by this release.
    """
    lines = tuple(line for line in text.split("\n") if line)
    parsed = [_parse(number, line) for number, line in enumerate(lines, start=1)]
    if not parsed or parsed[0].get("type") != SessionStart.type or "clock" not in parsed[0]:
        raise ScriptError(1, "a transcript begins with `session.start`; make one with "
                             "`chatapp run FILE --output jsonl`")  # fmt: skip
    _check(1, parsed[0], SessionStart)
    transcript = Transcript(lines, parsed[0], tuple(_operations(parsed)))
    _check_clock(transcript)
    return transcript


def compare(was: Sequence[str], now: Sequence[str], *, strict: bool) -> list[Difference]:
    """Return where two transcripts differ."""
    before, after = (list(was), list(now)) if strict else (_essence(was), _essence(now))
    return [
        Difference(number, old, new)
        for number, (old, new) in enumerate(zip_longest(before, after), start=1)
        if old != new
    ]


def _operations(parsed: Sequence[Line]) -> Iterator[Operation]:
    for number, line in enumerate(parsed, start=1):
        if not isinstance(line.get("type"), str):
            raise ScriptError(number, "this is no event")
        if line["type"] == OperationStart.type:
            _check(number, line, OperationStart)
            yield make_operation(line["line"], {line["name"]: line["value"]})


def _check(number: int, line: Line, kind: type[Event]) -> None:
    """Hold a line to the fields of its event. Raises ScriptError."""
    fields = fields_schema(kind)
    found = mistake(line, strict_validator({"properties": fields, "required": list(fields)}))
    if found is not None:
        where = ".".join([kind.type, *(str(step) for step in found.absolute_path)])
        raise ScriptError(number, f"`{where}`: {found.message}")


def _check_clock(transcript: Transcript) -> None:
    try:
        if transcript.clock is not None:
            timestamp(transcript.clock)
    except (ValueError, OverflowError) as error:
        raise ScriptError(1, f"{transcript.start['clock']!r} is no time") from error


def _parse(number: int, line: str) -> Line:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ScriptError(number, "this is no JSON") from error
    if not isinstance(value, dict):
        raise ScriptError(number, "this is no event")
    return value


def _essence(lines: Sequence[str]) -> list[str]:
    """Return what was said and done, line by line, with ids numbered in order of appearance."""
    names: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return names.setdefault(found[0], f"id-{len(names) + 1}")

    events = (json.loads(line) for line in lines)
    kept = (event for event in events if event["type"] != "message.delta")
    return [_ULID.sub(numbered, json.dumps(_lasting(event), ensure_ascii=False)) for event in kept]


def _lasting(value: Any) -> Any:
    """Return a JSON value without the fields that are another each time."""
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in _PASSING}
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    return value
