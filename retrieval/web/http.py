"""HTTP for people who wait: requests that can be stopped at any moment and fail in known ways.

This is the one module that imports httpx, so that it can be swapped in one place. Its errors:

    HttpError
    ├── Unreachable      no connection: refused, no such name, a bad certificate
    ├── TimedOut         connected, and then silence
    ├── Dropped          the connection broke, or what came was no HTTP
    ├── Stopped          `should_stop` said so
    └── Refused          an answer whose status says no: `.status`, `.body`, `.retry_after`

Nothing here logs, and no error holds a header: headers carry keys.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

_ASK_SECONDS = 0.05  # how often `should_stop` is asked
_MOST_REFUSAL = 1 << 20  # bytes of an answer that says no
_MOST_JSON = 16 << 20  # characters of an answer that is read whole; some list thousands of models
_MOST_LINE = 8 << 20  # bytes of a streamed line
_AHEAD = 64  # lines that are taken in before anybody wants them


class HttpError(Exception):
    """A request that did not work out; see the module."""


class Unreachable(HttpError):
    """There is no connection to be had."""


class TimedOut(HttpError):
    """Nothing came for too long."""


class Dropped(HttpError):
    """The connection broke, or what came was no HTTP."""


class Stopped(HttpError):
    """Nobody wants the answer any more."""


class Refused(HttpError):
    """The server answered, and said no."""

    def __init__(self, status: int, body: str, retry_after: float | None) -> None:
        super().__init__(f"status {status}")
        self.status, self.body, self.retry_after = status, body, retry_after


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

    return live() if _tape is None else _tape.lines(request, live)


Live = Callable[[], Iterator[str]]
"""Makes the request for real."""


class Tape(Protocol):
    """Stands between a request and the network; see `retrieval.web.tape`."""

    def lines(self, request: Request, live: Live) -> Iterator[str]:
        """Yield the lines of the answer."""
        ...


_tape: Tape | None = None


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
        lines: asyncio.Queue[str | HttpError | None] = asyncio.Queue(_AHEAD)
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
    lines: asyncio.Queue[str | HttpError | None], seconds: float, should_stop: Callable[[], bool]
) -> str | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if should_stop():
            raise Stopped("stopped")
        try:
            item = await asyncio.wait_for(lines.get(), _ASK_SECONDS)
        except TimeoutError:
            continue
        if isinstance(item, HttpError):
            raise item
        return item
    raise TimedOut(f"nothing came for {seconds:g} s")


async def _pump(
    request: Request, patience: Patience, lines: asyncio.Queue[str | HttpError | None]
) -> None:
    """Do the request, and put its lines, its end (None) or its failure into the queue."""
    try:
        async for line in _lines(request, patience):
            await lines.put(line)
        await lines.put(None)
    except HttpError as error:
        await lines.put(error)
    except httpx.ConnectTimeout:
        await lines.put(TimedOut(f"no connection within {patience.connect:g} s"))
    except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        await lines.put(Unreachable(str(error) or type(error).__name__))
    except httpx.TimeoutException:
        await lines.put(TimedOut("the server went silent"))
    except httpx.HTTPError as error:
        await lines.put(Dropped(str(error) or type(error).__name__))


async def _lines(request: Request, patience: Patience) -> AsyncIterator[str]:
    timeout = httpx.Timeout(max(patience.first, patience.next), connect=patience.connect)
    method = "GET" if request.json is None else "POST"
    async with (
        httpx.AsyncClient(timeout=timeout) as client,
        client.stream(
            method, request.url, headers=dict(request.headers), json=request.json
        ) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            body = await _beginning(answer)
            raise Refused(answer.status_code, body, _retry_after(answer))
        async for line in _split(answer.aiter_bytes()):
            yield line


async def _split(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield lines. httpx would wait for the end of one however long it is, and ends one at U+2028
    too, which stands unescaped in texts as JSON.
    """
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(rest) > _MOST_LINE:
            raise Dropped("the answer has no end of line")
    if rest:
        yield rest.removesuffix(b"\r").decode("utf-8", "replace")


async def _beginning(answer: httpx.Response) -> str:
    """Return the first MiB of a body."""
    body = b""
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) >= _MOST_REFUSAL:
            break
    return body[:_MOST_REFUSAL].decode("utf-8", "replace")


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        return max(0.0, float(answer.headers.get("retry-after", "")))
    except ValueError:
        return None


async def _settled(task: asyncio.Task[None]) -> None:
    await asyncio.gather(task, return_exceptions=True)
