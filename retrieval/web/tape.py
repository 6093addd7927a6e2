"""Recorded HTTP: what was asked and what came, so that a session repeats without a network.

A tape is a file of JSON lines, one exchange each, in the order in which they ended. Headers are
left out, for they carry keys; what was asked (the prompt) and what came stand in it as they were.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retrieval.web.errors import (
    Dropped,
    Forbidden,
    HttpError,
    Refused,
    Stopped,
    TimedOut,
    Unreachable,
    Untrusted,
)
from retrieval.web.http import Live, Request

_KINDS: dict[str, type[HttpError]] = {
    kind.__name__: kind for kind in (Unreachable, Untrusted, TimedOut, Dropped, Stopped, Forbidden)
}


class TapeError(ValueError):
    """A file is no tape; the message names the line."""


class NotOnTape(Unreachable):
    """The recorded session never asked this."""


@dataclass(frozen=True)
class Exchange:
    """A request, the lines that came, and how it failed, if it did (name, status, text)."""

    url: str
    body: Any
    lines: list[str]
    failure: tuple[str, int, str] | None = None

    @property
    def key(self) -> str:
        """What two requests for the same thing have in common."""
        return json.dumps([self.url, self.body], sort_keys=True)


class Recorder:
    """Lets requests through and writes what came to a new file. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_text("", encoding="utf-8")

    def lines(self, request: Request, live: Live) -> Iterator[str]:
        """Yield the lines of the answer; whatever the end, the exchange is written."""
        came: list[str] = []
        failure: tuple[str, int, str] | None = None
        try:
            for line in live():
                came.append(line)
                yield line
        except HttpError as error:
            failure = _described(error)
            raise
        finally:
            exchange = Exchange(request.url, request.json, came, failure)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(exchange), ensure_ascii=False) + "\n")


class Player:
    """Answers requests from a tape and never touches the network.

    A request that was made several times is answered in the order of the recording.

    Raises:
        OSError, UnicodeDecodeError, TapeError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._left: dict[str, deque[Exchange]] = defaultdict(deque)
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            if line:
                exchange = _read(number, line)
                self._left[exchange.key].append(exchange)

    def lines(self, request: Request, live: Live) -> Iterator[str]:
        """Yield the recorded lines. Raises NotOnTape, or what the recorded request raised."""
        found = self._left[Exchange(request.url, request.json, []).key]
        if not found:
            raise NotOnTape(f"the recording holds no answer to this request of {request.url}")
        exchange = found.popleft()
        yield from exchange.lines
        if exchange.failure is not None:
            raise _error(*exchange.failure)


def _described(error: HttpError) -> tuple[str, int, str]:
    if isinstance(error, Refused):
        return ("Refused", error.status, error.body)
    return (type(error).__name__, 0, str(error))


def _error(name: str, status: int, text: str) -> HttpError:
    """Return the failure of a recorded request; it is not worth waiting before another try."""
    return Refused(status, text, 0.0) if name == "Refused" else _KINDS[name](text)


def _read(number: int, line: str) -> Exchange:
    try:
        value = json.loads(line)
        lines, failure = value["lines"], value["failure"]
        if not isinstance(lines, list) or not all(isinstance(item, str) for item in lines):
            raise TypeError("lines are texts")
        if failure is not None and failure[0] not in {"Refused", *_KINDS}:
            raise TypeError("an unknown failure")
        return Exchange(value["url"], value["body"], lines, failure and tuple(failure))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise TapeError(f"line {number} is no recorded exchange") from error
