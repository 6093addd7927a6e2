"""Transcripts: what `--output jsonl` wrote, read back to be run again and compared.

A transcript holds its own script (the `operation` events) and what repeats it (`session.start`).
Compared strictly, every byte counts; else only what was said and done does, not ids, times and how
the text was cut into pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from chatapp.cli.script.operations import Operation, ScriptError
from chatapp.cli.script.parse import make_operation

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
    if not parsed or parsed[0].get("type") != "session.start" or "clock" not in parsed[0]:
        raise ScriptError(1, "a transcript begins with `session.start`; make one with "
                             "`chatapp run FILE --output jsonl`")  # fmt: skip
    operations = tuple(
        make_operation(line["line"], {line["name"]: line["value"]})
        for line in parsed
        if line.get("type") == "operation"
    )
    return Transcript(lines, parsed[0], operations)


def compare(was: Sequence[str], now: Sequence[str], *, strict: bool) -> list[Difference]:
    """Return where two transcripts differ."""
    before, after = (list(was), list(now)) if strict else (_essence(was), _essence(now))
    return [
        Difference(number, old, new)
        for number, (old, new) in enumerate(zip_longest(before, after), start=1)
        if old != new
    ]


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
