"""HTTP to an API that a person set up: requests that can be stopped at any moment.

They fail in the ways of `errors`, which this module hands on. Nothing here logs. Pages of strangers
are read through `fetch`, behind the guard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from retrieval.web.errors import (
    Dropped,
    HttpError,
    Refused,
    Stopped,
    TimedOut,
    Unreachable,
)
from retrieval.web.wire import api_lines

__all__ = [
    "Dropped",
    "HttpError",
    "Live",
    "Patience",
    "Refused",
    "Request",
    "Stopped",
    "Tape",
    "TimedOut",
    "Unreachable",
    "read_json",
    "read_lines",
    "taped",
    "through_tape",
]

_ASK_SECONDS = 0.05  # how often `should_stop` is asked
_MOST_JSON = 16 << 20  # characters of an answer that is read whole; some list thousands of models
_AHEAD = 64  # lines that are taken in before anybody wants them


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a connection, for the first line, for each other one."""

    connect: float = 10.0
    first: float = 120.0
    next: float = 60.0


@dataclass(frozen=True)
class Request:
    """What is asked; a `json` body makes it a POST."""

    url: str
    headers: Mapping[str, str]
    json: Any = None


def read_json(request: Request, patience: Patience, should_stop: Callable[[], bool]) -> Any:
    """Return the JSON that the server answers, at most 16 MiB.

    Raises:
        HttpError: see the module. An answer that is no JSON counts as `Dropped`.
    """
    import json

    lines, size = [], 0
    for line in read_lines(request, patience, should_stop):
        lines.append(line)
        size += len(line) + 1
        if size > _MOST_JSON:
            raise Dropped(f"the answer is longer than {_MOST_JSON >> 20} MB")
    try:
        return json.loads("\n".join(lines))
    except (ValueError, RecursionError):
        raise Dropped("the answer is no JSON") from None


def read_lines(
    request: Request, patience: Patience, should_stop: Callable[[], bool]
) -> Iterator[str]:
    """Yield the lines of an answer as they come. Call it in a thread without an event loop.

    Raises:
        HttpError: see the module.
    """

    def live() -> Iterator[str]:
        return _read_live(request, patience, should_stop)

    return through_tape(request, live)


Live = Callable[[], Iterator[str]]
"""Makes the request for real."""


class Tape(Protocol):
    """Stands between a request and the network; see `retrieval.web.tape`."""

    def lines(self, request: Request, live: Live) -> Iterator[str]:
        """Yield the lines of the answer."""
        ...


_tape: Tape | None = None


def through_tape(request: Request, live: Live) -> Iterator[str]:
    """Yield what `live` does, or what the tape says; without a tape, `request` is not looked at.

    Raises:
        HttpError: what `live` raises, or what the tape does instead.
    """
    return live() if _tape is None else _tape.lines(request, live)


@contextmanager
def taped(tape: Tape) -> Iterator[None]:
    """Send every request of this process through `tape`, whichever thread makes it."""
    global _tape
    before, _tape = _tape, tape
    try:
        yield
    finally:
        _tape = before


def _read_live(
    request: Request, patience: Patience, should_stop: Callable[[], bool]
) -> Iterator[str]:
    with asyncio.Runner() as runner:
        lines: asyncio.Queue[str | Exception | None] = asyncio.Queue(_AHEAD)
        pump = runner.get_loop().create_task(_pump(request, patience, lines))
        seconds = patience.connect + patience.first
        try:
            while True:
                line = runner.run(_next(lines, seconds, should_stop))
                if line is None:
                    return
                yield line
                seconds = patience.next
        finally:
            pump.cancel()
            runner.run(_settled(pump))


async def _next(
    lines: asyncio.Queue[str | Exception | None], seconds: float, should_stop: Callable[[], bool]
) -> str | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if should_stop():
            raise Stopped("stopped")
        try:
            item = await asyncio.wait_for(lines.get(), _ASK_SECONDS)
        except TimeoutError:
            continue
        if isinstance(item, Exception):
            raise item
        return item
    raise TimedOut(f"nothing came for {seconds:g} s")


async def _pump(
    request: Request, patience: Patience, lines: asyncio.Queue[str | Exception | None]
) -> None:
    """Do the request, and put its lines, its end (None) or its failure into the queue."""
    silence = max(patience.first, patience.next)
    method = "GET" if request.json is None else "POST"
    try:
        async for line in api_lines(
            method, request.url, request.headers, request.json, patience.connect, silence
        ):
            await lines.put(line)
        await lines.put(None)
    except Exception as error:  # noqa: BLE001 - nobody looks at this task: it would be silence
        await lines.put(error)


async def _settled(task: asyncio.Task[None]) -> None:
    await asyncio.gather(task, return_exceptions=True)
