"""What a fetcher keeps going in its event loop: connections, manners, the warm parser.

The thing to know: one lookup answers one address; redirects are followed here, over lookups, so
that each hop is judged, asked politely for and cached by itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from retrieval.web.cache import PageCache, Stored
from retrieval.web.dns import Resolver
from retrieval.web.download import OnProgress, Target, download
from retrieval.web.extract import Extraction
from retrieval.web.guard import Guard
from retrieval.web.http import Request
from retrieval.web.kinds import ACCEPT, decoded
from retrieval.web.limits import FetchSettings
from retrieval.web.lookup import Lookup, Wanted
from retrieval.web.manners import Manners
from retrieval.web.pages import Fetched, PageText, Problem, Unfetchable, page_from
from retrieval.web.polite import Politeness
from retrieval.web.reading import read_plain
from retrieval.web.robots import RobotsRules
from retrieval.web.urls import BadUrl, WebUrl, parse
from retrieval.web.visit import (
    MOST_HOPS,
    MOVED,
    Received,
    Said,
    Visitor,
    next_hop,
    too_many_hops,
)
from retrieval.web.wire import Tls, Wire


class Progress:
    """How far a fetch came, for what is said when it fails."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._final, self._status, self._stored, self._at = url, 0, False, _iso(None)

    def at(self, answer: Stored, stored: bool) -> None:
        """Note an answer on the way."""
        self._final, self._status, self._stored = answer.url, answer.status, stored
        self._at = _iso(answer.fetched_at)

    def done(self, page: PageText) -> Fetched:
        """Return a page."""
        return self._fetched(page, None)

    def failed(self, problem: Problem) -> Fetched:
        """Return a problem."""
        return self._fetched(None, problem)

    def _fetched(self, page: PageText | None, problem: Problem | None) -> Fetched:
        return Fetched(self.url, self._final, self._status, page, problem, self._stored, self._at)


class Engine:
    """Belongs to one event loop; the arguments are those of `Fetcher`."""

    def __init__(
        self,
        settings: FetchSettings,
        cache: PageCache | None,
        resolver: Resolver,
        tls: Tls | None,
        *,
        offline: bool,
    ) -> None:
        self._settings, self._cache = settings, cache
        self._resolver, self._tls, self._offline = resolver, tls, offline
        self._extraction = Extraction(settings.parse_seconds)
        self._polite = Politeness(settings.longest_wait, shared=cache)
        self._wires: list[Wire] = []
        self._guard = Guard(settings.allow)
        self._visitor = self._open(self._guard)
        self._robots = RobotsRules(settings.robot, self._visitor.plain_text, cache)
        self._pages = self._manners(self._visitor)
        self._trusted: dict[str, Manners] = {}

    async def warm(self) -> None:
        """Load the parsers, which takes longer than most pages."""
        await self._extraction.warm()

    async def page(self, progress: Progress, *, private: bool) -> Fetched:
        """Return the page. Raises HttpError, Unfetchable."""
        url = _parsed(progress.url)
        self._visitor.check(url)
        wanted = Wanted(
            lambda url, headers: self._pages.page(
                url, {"Accept": ACCEPT, **headers}, private=private
            ),
            self._read_page,
            private,
        )
        answer = await self._followed(url, wanted, progress)
        return progress.done(page_from(answer.content))

    async def say(self, request: Request, trusted: str) -> Said:
        """Return what an interface says; see `Fetcher.ask`. Raises HttpError, Unfetchable."""
        if self._offline:
            raise Unfetchable("offline", "the network is off")
        headers, body = dict(request.headers), None
        if request.json is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(request.json).encode()
        return await self._manners_for(trusted).say(_parsed(request.url), headers, body)

    async def download(self, url: str, target: Target, on_progress: OnProgress) -> None:
        """Write a file to disk. Raises HttpError, Unfetchable, OSError."""
        agent = self._settings.user_agent
        await download(_parsed(url), target, self._guard, self._wires[0], agent, on_progress)

    async def close(self) -> None:
        """End connections and the parser."""
        for wire in self._wires:
            await wire.close()
        await self._extraction.close()

    async def _followed(self, url: WebUrl, wanted: Wanted, progress: Progress) -> Stored:
        lookup = Lookup(self._cache, offline=self._offline)
        for _ in range(MOST_HOPS + 1):
            answer, stored = await lookup.get(url, wanted)
            progress.at(answer, stored)
            if answer.status not in MOVED:
                return _good(answer)
            url = next_hop(url, answer.location)
            self._visitor.check(url)
        raise too_many_hops()

    async def _read_page(self, received: Received) -> dict[str, Any]:
        kind, body, address = received.kind, received.body, str(received.url)
        if kind == "pdf":
            return asdict(await self._extraction.read("pdf", body, address))
        assert kind is not None, "only an answer that says yes is read"
        text = decoded(kind, received.headers["content-type"], body)
        if kind != "html":
            return asdict(read_plain(text, address))  # there is nothing to parse
        html = text.encode("utf-8", "replace")
        return asdict(await self._extraction.read("html", html, address))

    def _manners_for(self, trusted: str) -> Manners:
        if not trusted:
            return self._pages
        if trusted not in self._trusted:
            visitor = self._open(Guard((*self._settings.allow, trusted)))
            self._trusted[trusted] = self._manners(visitor)
        return self._trusted[trusted]

    def _manners(self, visitor: Visitor) -> Manners:
        return Manners(visitor, self._robots, self._polite, self._settings.delay)

    def _open(self, guard: Guard) -> Visitor:
        """Return a visitor with connections of its own: what was let in for it serves no other."""
        self._wires.append(Wire(guard, self._resolver, self._tls))
        return Visitor(guard, self._wires[-1], self._settings.user_agent)


def _good(answer: Stored) -> Stored:
    """Return an answer that says yes. Raises Unfetchable."""
    if answer.status == 200:
        return answer
    meaning = {401: "a password is wanted", 403: "not allowed", 404: "no such page", 410: "gone"}
    what = meaning.get(answer.status, "the server says no")
    raise Unfetchable("status", f"{what} (status {answer.status})")


def _parsed(url: str) -> WebUrl:
    try:
        return parse(url)
    except BadUrl as error:
        raise Unfetchable("bad_url", str(error)) from None


def _iso(seconds: float | None) -> str:
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="seconds")
