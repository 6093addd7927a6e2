"""robots.txt (RFC 9309): what a site asks programs not to read, and how slowly to read the rest.

The thing to know: a site whose robots.txt says 4xx has none, so everything may be read; one that
fails (5xx) may not be read until it says something again. What was said holds for a day.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from retrieval.web.cache import PageCache, Robots
from retrieval.web.freshness import DAY
from retrieval.web.pages import Unfetchable
from retrieval.web.urls import WebUrl, parse

if TYPE_CHECKING:
    from protego import Protego

_MOST_SITES = 500  # that are kept in memory

Ask = Callable[[WebUrl], Awaitable[tuple[int, str]]]
"""Returns status and text of an address; raises HttpError, Unfetchable."""


class RobotsRules:
    """The rules of all sites, for the robot `name`. `ask` reads a robots.txt."""

    def __init__(
        self,
        name: str,
        ask: Ask,
        cache: PageCache | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._ask, self._cache, self._clock = name, ask, cache, clock
        self._known: dict[str, tuple[Robots, Protego | None]] = {}

    async def check(self, url: WebUrl, *, private: bool = False) -> float:
        """Return the seconds that the site wants between two requests, 0 if it says nothing.

        With `private`, nothing is written. Call it for one site from one task at a time.

        Raises:
            Unfetchable: the site does not want this page read.
            HttpError: its robots.txt cannot be reached, nor then can the page.
        """
        robots, rules = await self._rules(url.origin, private)
        if rules is None:
            if robots.status < 500:
                return 0.0
            message = f"the site's robots.txt cannot be read (status {robots.status})"
            raise Unfetchable("robots", message)
        if not rules.can_fetch(str(url), self._name):
            raise Unfetchable("robots", f"{url.host} asks programs not to read this page")
        delay = rules.crawl_delay(self._name) or 0.0
        rate = rules.request_rate(self._name)
        return float(max(delay, rate.seconds / rate.requests if rate and rate.requests else 0.0))

    async def _rules(self, origin: str, private: bool) -> tuple[Robots, Protego | None]:
        known = self._known.get(origin)
        if known is not None and self._holds(known[0]):
            return known
        robots = self._cache.robots(origin) if self._cache else None
        if robots is None or not self._holds(robots):
            robots = Robots(origin, self._clock(), *await self._read(origin))
            if self._cache is not None and not private:
                self._cache.put_robots(robots)
        if len(self._known) >= _MOST_SITES:
            del self._known[next(iter(self._known))]
        self._known[origin] = (robots, _parsed(robots))
        return self._known[origin]

    def _holds(self, robots: Robots) -> bool:
        # what failed is asked again soon: a site must not be lost for a day over one bad minute
        longest = DAY if robots.status < 500 else 300.0
        return 0 <= self._clock() - robots.fetched_at < longest

    async def _read(self, origin: str) -> tuple[int, str]:
        try:
            return await self._ask(parse(f"{origin}/robots.txt"))
        except Unfetchable as error:
            if error.problem.code in ("mislabelled", "type", "empty"):
                return 404, ""  # a picture, or nothing: no rules
            if error.problem.code == "redirects":
                return 404, ""  # RFC 9309, 2.3.1.2: after five hops, as if there were none
            raise


def _parsed(robots: Robots) -> Protego | None:
    from protego import Protego

    return Protego.parse(robots.text) if robots.status == 200 else None
