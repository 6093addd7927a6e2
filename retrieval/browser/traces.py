"""A browse as JSON lines: what was commanded, what the world gave, and what it came to.

The thing to know: a trace holds the pages too, so it plays again with the network off, and every
line must come out the same to the byte. What the policy thought is not in it; what it did is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from retrieval.browser.commands import parse
from retrieval.browser.pages import Page, error_page
from retrieval.browser.render import render
from retrieval.browser.state import Limits, State, start
from retrieval.browser.step import step
from retrieval.browser.world import World

VERSION = 1


class TraceError(ValueError):
    """A trace that cannot be read; the message names the line and what is wrong with it."""


class Recorder:
    """Takes the steps of one browse and writes each down; `lines` is the trace so far."""

    def __init__(self, state: State, world: World) -> None:
        self.state, self.lines = state, [_line(_opening(state))]
        self._world = _Watched(world)
        self._known: set[str] = set()

    def step(self, text: str) -> State:
        """Do what `text` commands and return the state after it."""
        self._world.given = None
        self.state = step(self.state, parse(text), self._world)
        given = self._world.given
        if given and given.id not in self._known:
            self._known.add(given.id)
            self.lines.append(_line({"type": "page", "id": given.id, "page": given.to_json()}))
        self.lines.append(_line(_taken(text, self.state, given)))
        return self.state

    def end(self) -> tuple[str, ...]:
        """Write the last line and return the trace."""
        quotes = [asdict(quote) for quote in self.state.quotes]
        self.lines.append(_line({"type": "end", "ended": self.state.ended, "quotes": quotes}))
        return tuple(self.lines)


def replay(lines: Iterable[str], world: World | None = None) -> tuple[str, ...]:
    """Play a trace again, from the pages it holds unless another world is given.

    Returns:
        the trace that this gives; the same lines to the byte where nothing has changed.

    Raises:
        TraceError: a line cannot be read.
    """
    read = list(_read(lines))
    if not read or read[0].get("type") != "start":
        raise TraceError("line 1: a trace begins with a line of type start")
    try:
        state = start(read[0]["question"], Limits(**read[0]["limits"]))
        recorder = Recorder(state, world or RecordedWorld(read))
        for record in read[1:]:
            if record.get("type") == "step":
                recorder.step(record["command"])
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(f"the trace lacks or misspells something: {error!r}") from error
    return recorder.end() if read[-1].get("type") == "end" else tuple(recorder.lines)


def is_faithful(lines: Iterable[str]) -> bool:
    """Say whether a trace plays again to the byte, from its own pages."""
    kept = tuple(lines)
    return replay(kept) == kept


class RecordedWorld:
    """The world that a trace saw; it answers in the recorded order and with nothing else."""

    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        pages: dict[str, Page] = {}
        given: list[Page] = []
        for record in records:
            if record.get("type") == "page":
                pages[record["id"]] = Page.from_json(record["page"])
            elif record.get("type") == "step" and record["page"]:
                given.append(pages[record["page"]])
        self._given = iter(given)

    def search(self, query: str) -> Page:
        """See `World.search`."""
        return next(self._given, _NOT_RECORDED)

    def open(self, url: str) -> Page:
        """See `World.open`."""
        return next(self._given, _NOT_RECORDED)


_NOT_RECORDED = error_page("", "Not recorded", "The trace does not hold this page.")


class _Watched:
    """A world that remembers what it gave last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.given: Page | None = None

    def search(self, query: str) -> Page:
        self.given = self._world.search(query)
        return self.given

    def open(self, url: str) -> Page:
        self.given = self._world.open(url)
        return self.given


def _opening(state: State) -> dict[str, Any]:
    limits = asdict(state.limits)
    return {"v": VERSION, "type": "start", "question": state.question, "limits": limits}


def _taken(text: str, state: State, given: Page | None) -> dict[str, Any]:
    """A step: the hash of the state's text proves that it was the same state."""
    seen = hashlib.sha256(render(state).encode()).hexdigest()
    page = given.id if given else None
    return {
        "type": "step",
        "command": text,
        "page": page,
        "problem": state.problem,
        "state": seen,
    }


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _read(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise TraceError(f"line {number}: this is no JSON: {error}") from error
        if not isinstance(record, dict):
            raise TraceError(f"line {number}: this is no JSON object")
        yield record
