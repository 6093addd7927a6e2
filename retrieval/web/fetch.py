"""Reads a page of a stranger's server: the one way from an address to a text.

The thing to know: a fetch never raises for the web's faults. Whatever is wrong, from an address
that leads to this machine to a parser that loops, becomes a `Problem` that a person can read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from retrieval.web.background import BackgroundLoop
from retrieval.web.cache import PageCache
from retrieval.web.dns import Resolver, SystemResolver
from retrieval.web.download import OnProgress, Target
from retrieval.web.engine import Engine, Progress
from retrieval.web.errors import Forbidden, HttpError, Stopped, TimedOut, Unreachable, Untrusted
from retrieval.web.guard import Guard
from retrieval.web.http import Request, through_tape
from retrieval.web.limits import FetchSettings
from retrieval.web.pages import Fetched, ProblemCode, Unfetchable, fetched_from
from retrieval.web.tape import NotOnTape
from retrieval.web.visit import Said
from retrieval.web.wire import Tls

SECONDS = 20.0  # for one page, in all

ShouldStop = Callable[[], bool]
T = TypeVar("T")


def never() -> bool:
    """The `should_stop` of somebody who waits to the end."""
    return False


class Fetcher:
    """Fetches pages and asks APIs; any thread may call it, several at a time.

    Args:
        settings: manners and limits.
        cache: what was read before; None keeps nothing.
        resolver: finds addresses; the system's by default.
        tls: what certificates are trusted; the public authorities by default.
        offline: only the cache answers; nothing is sent.

    Raises:
        BadUrl: one of `settings.allow` is no address.
    """

    def __init__(
        self,
        settings: FetchSettings | None = None,
        cache: PageCache | None = None,
        resolver: Resolver | None = None,
        *,
        tls: Tls | None = None,
        offline: bool = False,
    ) -> None:
        self._settings, self._cache = settings or FetchSettings(), cache
        Guard(self._settings.allow)  # says at once what is no address
        self._resolver, self._tls, self._offline = resolver or SystemResolver(), tls, offline
        self._loop = BackgroundLoop()
        self._engine: Engine | None = None

    def warm(self) -> None:
        """Begin to load the parsers, for somebody who is about to fetch; returns at once."""
        self._loop.begin(lambda: self._running().warm())

    def fetch(
        self,
        url: str,
        *,
        deadline: float = SECONDS,
        should_stop: ShouldStop = never,
        private: bool = False,
    ) -> Fetched:
        """Return the page at `url`, or the problem with it.

        `deadline` is in seconds, for all of it. With `private`, nothing is written to the cache.
        """

        def live() -> Fetched:
            progress = Progress(url)
            try:
                return self._run(
                    lambda engine: engine.page(progress, private=private), deadline, should_stop
                )
            except Unfetchable as error:
                return progress.failed(error.problem)

        return _page_through_tape(url, live)

    def ask(
        self,
        request: Request,
        *,
        trusted: str = "",
        deadline: float = SECONDS,
        should_stop: ShouldStop = never,
    ) -> Said:
        """Return what an API says to one request, whatever its status; nothing of it is kept.

        `trusted` is an origin that a person put into their settings, such as a search engine in
        their own network: it is reached whatever its address, by this call alone.

        Raises:
            Unfetchable: why there is no answer; its `problem` says it.
        """
        return self._run(lambda engine: engine.say(request, trusted), deadline, should_stop)

    def download(
        self,
        url: str,
        path: Path,
        *,
        most: int,
        deadline: float,
        should_stop: ShouldStop = never,
        on_progress: OnProgress = lambda done, total: None,
    ) -> None:
        """Write the file at `url`, of at most `most` bytes, to `path`.

        One that broke off is taken up where it was, also by another process. `deadline` is in
        seconds. `on_progress` gets bytes so far and in all (0: not known), from another thread.

        Raises:
            Unfetchable: it is not to be had; what came stays for the next try.
            OSError: it cannot be written.
        """
        target = Target(path, most)
        self._run(lambda engine: engine.download(url, target, on_progress), deadline, should_stop)

    def close(self) -> None:
        """End connections and the parser. The fetcher can be used again after it."""
        self._loop.close(self._end)

    def _run(
        self,
        work: Callable[[Engine], Coroutine[Any, Any, T]],
        deadline: float,
        should_stop: ShouldStop,
    ) -> T:
        try:
            return self._loop.run(lambda: work(self._running()), deadline, should_stop)
        except HttpError as error:
            raise _unfetchable(error) from None

    def _running(self) -> Engine:
        if self._engine is None:
            self._engine = Engine(
                self._settings, self._cache, self._resolver, self._tls, offline=self._offline
            )
        return self._engine

    async def _end(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()


def _page_through_tape(url: str, live: Callable[[], Fetched]) -> Fetched:
    def lines() -> Iterator[str]:
        yield json.dumps(live().as_json(), ensure_ascii=False)

    try:
        [line] = through_tape(Request(url, {}, {"read": "page"}), lines)
        return fetched_from(json.loads(line))
    except HttpError as error:
        return Progress(url).failed(_unfetchable(error).problem)


_CODES: dict[type[HttpError], ProblemCode] = {
    Forbidden: "forbidden",
    Untrusted: "tls",
    Unreachable: "unreachable",
    TimedOut: "timeout",
    Stopped: "stopped",
    NotOnTape: "offline",
}


def _unfetchable(error: HttpError) -> Unfetchable:
    return Unfetchable(_CODES.get(type(error), "protocol"), str(error))
