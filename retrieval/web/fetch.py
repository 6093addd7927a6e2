"""Reads a page of a stranger's server: the one way from an address to a text.

The thing to know: a fetch never raises for the web's faults. Whatever is wrong, from an address
that leads to this machine to a parser that loops, becomes a `Problem` that a person can read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from retrieval.web.background import BackgroundLoop
from retrieval.web.dns import Resolver, SystemResolver
from retrieval.web.errors import Forbidden, HttpError, Stopped, TimedOut, Unreachable, Untrusted
from retrieval.web.extract import Extraction
from retrieval.web.guard import Guard
from retrieval.web.kinds import ACCEPT, decoded
from retrieval.web.limits import FetchSettings
from retrieval.web.pages import Fetched, PageText, Problem, ProblemCode, Unfetchable
from retrieval.web.urls import BadUrl, WebUrl, parse
from retrieval.web.visit import Received, Visitor
from retrieval.web.wire import Tls, Wire

SECONDS = 20.0  # for one page, in all

T = TypeVar("T")


def never() -> bool:
    """The `should_stop` of somebody who waits to the end."""
    return False


class Fetcher:
    """Fetches pages and the JSON of APIs; any thread may call it, several at a time.

    Args:
        settings: manners and limits.
        resolver: finds addresses; the system's by default.
        tls: what certificates are trusted; the public authorities by default.
    """

    def __init__(
        self,
        settings: FetchSettings | None = None,
        *,
        resolver: Resolver | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._settings = settings or FetchSettings()
        self._resolver, self._tls = resolver or SystemResolver(), tls
        self._loop = BackgroundLoop()
        self._extraction = Extraction()
        self._visitors: dict[tuple[str, ...], tuple[Visitor, Wire]] = {}

    def fetch(
        self,
        url: str,
        *,
        deadline: float = SECONDS,
        should_stop: Callable[[], bool] = never,
    ) -> Fetched:
        """Return the page at `url`, or the problem with it. `deadline`: seconds in all."""
        progress = _Progress(url)

        async def work() -> Fetched:
            return await self._page(progress)

        try:
            return self._run(work, deadline, should_stop)
        except Unfetchable as error:
            return progress.failed(error.problem)

    def json(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        trusted: str = "",
        deadline: float = SECONDS,
        should_stop: Callable[[], bool] = never,
    ) -> Any:
        """Return the JSON that an API answers to GET.

        `trusted` is an origin that a person put into their settings, such as a search engine in
        their own network: it is reached whatever its address, by this call alone.

        Raises:
            Unfetchable: why there is none; its `problem` says it.
        """

        async def work() -> Any:
            return await self._json(_parsed(url), headers or {}, trusted)

        return self._run(work, deadline, should_stop)

    def close(self) -> None:
        """End connections and the parser. The fetcher can be used again after it."""
        self._loop.close(self._end)

    def _run(
        self,
        work: Callable[[], Coroutine[Any, Any, T]],
        deadline: float,
        should_stop: Callable[[], bool],
    ) -> T:
        try:
            return self._loop.run(work, deadline, should_stop)
        except HttpError as error:
            raise _unfetchable(error) from None

    async def _page(self, progress: _Progress) -> Fetched:
        url = _parsed(progress.url)
        received = await self._visitor()[0].visit(url, {"Accept": ACCEPT})
        progress.at(received)
        page = await self._read(_good(received))
        return progress.done(page)

    async def _read(self, received: Received) -> PageText:
        kind, body = received.kind, received.body
        assert kind is not None, "only an answer that says yes is read"
        if kind != "pdf":
            body = decoded(kind, received.headers["content-type"], body).encode("utf-8", "replace")
        return await self._extraction.read(kind, body, str(received.url))

    async def _json(self, url: WebUrl, headers: Mapping[str, str], trusted: str) -> Any:
        visitor = self._visitor(trusted)[0]
        asked = {"Accept": "application/json", **headers}
        received = _good(await visitor.ask(url, asked))
        try:
            return json.loads(decoded("json", "charset=utf-8", received.body))
        except (ValueError, RecursionError):
            raise Unfetchable("mislabelled", "the answer is no JSON") from None

    def _visitor(self, trusted: str = "") -> tuple[Visitor, Wire]:
        """Return the visitor for what may be reached; each has connections of its own."""
        allow = (*self._settings.allow, trusted) if trusted else self._settings.allow
        if allow not in self._visitors:
            guard = Guard(allow)
            wire = Wire(guard, self._resolver, self._tls)
            self._visitors[allow] = (Visitor(guard, wire, self._settings.user_agent), wire)
        return self._visitors[allow]

    async def _end(self) -> None:
        for _, wire in self._visitors.values():
            await wire.close()
        self._visitors.clear()
        await self._extraction.close()


class _Progress:
    """How far a fetch came, for what is said when it fails."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._final, self._status = url, 0

    def at(self, received: Received) -> None:
        self._final, self._status = str(received.url), received.status

    def done(self, page: PageText) -> Fetched:
        return Fetched(self.url, self._final, self._status, page, None, False, _now())

    def failed(self, problem: Problem) -> Fetched:
        return Fetched(self.url, self._final, self._status, None, problem, False, _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _parsed(url: str) -> WebUrl:
    try:
        return parse(url)
    except BadUrl as error:
        raise Unfetchable("bad_url", str(error)) from None


def _good(received: Received) -> Received:
    """Return an answer that says yes. Raises Unfetchable."""
    status = received.status
    if status == 200:
        return received
    if status in (429, 503):
        raise Unfetchable("rate_limited", f"the server asks to wait (status {status})")
    raise Unfetchable("status", f"the server says no (status {status})")


_CODES: dict[type[HttpError], ProblemCode] = {
    Forbidden: "forbidden",
    Untrusted: "tls",
    Unreachable: "unreachable",
    TimedOut: "timeout",
    Stopped: "stopped",
}


def _unfetchable(error: HttpError) -> Unfetchable:
    return Unfetchable(_CODES.get(type(error), "protocol"), str(error))
