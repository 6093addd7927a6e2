"""Answers to addresses: from the cache where that is right, from the network where it must be.

The thing to know: what is stored is asked for again when its time is over (RFC 9111), with the
server's own marks, so that an unchanged page costs one line. Where the server cannot be reached, an
old answer is better than none, unless it said otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from retrieval.web.cache import PageCache, Stored
from retrieval.web.errors import Dropped, TimedOut, Unreachable, Untrusted
from retrieval.web.freshness import conditions, good_until, may_store, must_ask
from retrieval.web.pages import Unfetchable
from retrieval.web.urls import WebUrl
from retrieval.web.visit import Received

Ask = Callable[[WebUrl, Mapping[str, str]], Awaitable[Received]]
Read = Callable[[Received], Awaitable[Any]]


@dataclass(frozen=True)
class Wanted:
    """What is asked for: how to ask, how to read what comes, and whether to leave traces."""

    ask: Ask
    read: Read
    private: bool = False


class Lookup:
    """Looks addresses up. With `offline`, only the cache answers."""

    def __init__(
        self,
        cache: PageCache | None,
        *,
        offline: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cache, self._offline, self._clock = cache, offline, clock

    async def get(self, url: WebUrl, wanted: Wanted) -> tuple[Stored, bool]:
        """Return the answer of one address, and whether it was stored before.

        Raises:
            HttpError, Unfetchable: there is none.
        """
        stored = self._stored(url, wanted)
        if stored is not None and (self._offline or stored.good_until > self._clock()):
            return stored, True
        if self._offline:
            raise Unfetchable("offline", f"{url} is not in the cache, and the network is off")
        try:
            received = await wanted.ask(url, _conditions(stored))
        except (Unreachable, TimedOut, Dropped, Unfetchable) as error:
            if stored is None or stored.must_ask or not _passing(error):
                raise
            return stored, True
        if stored is not None and received.status == 304:
            return self._still_good(stored, received, wanted), True
        if stored is not None and received.status >= 500 and not stored.must_ask:
            return stored, True
        return await self._new(received, wanted), False

    def _stored(self, url: WebUrl, wanted: Wanted) -> Stored | None:
        if self._cache is None:
            return None
        return self._cache.get(str(url), touch=not wanted.private)

    def _still_good(self, stored: Stored, received: Received, wanted: Wanted) -> Stored:
        now = self._clock()
        again = replace(
            stored,
            fetched_at=now,
            good_until=good_until(stored.status, received.headers, now),
        )
        self._keep(again, wanted)
        return again

    async def _new(self, received: Received, wanted: Wanted) -> Stored:
        now, said = self._clock(), received.headers
        answer = Stored(
            url=str(received.url),
            status=received.status,
            location=said.get("location", ""),
            content=await wanted.read(received) if received.status == 200 else None,
            etag=said.get("etag", ""),
            last_modified=said.get("last-modified", ""),
            fetched_at=now,
            good_until=good_until(received.status, said, now),
            must_ask=must_ask(said),
        )
        if may_store(received.status, said):
            self._keep(answer, wanted)
        return answer

    def _keep(self, answer: Stored, wanted: Wanted) -> None:
        if self._cache is not None and not wanted.private:
            self._cache.put(answer)


def _passing(error: Exception) -> bool:
    """Whether a failure says nothing about the page: the network's, or a busy server's."""
    if isinstance(error, Unfetchable):
        return error.problem.code in ("rate_limited", "status")
    return not isinstance(error, Untrusted)


def _conditions(stored: Stored | None) -> dict[str, str]:
    return conditions(stored.etag, stored.last_modified) if stored else {}
