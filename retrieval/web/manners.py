"""An address, asked for with manners: by robots.txt, in its turn, and at most twice.

The thing to know: a second try is for a server that is busy or a connection that broke, after a
pause; one whose certificate is wrong, or that said no, is not asked again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from retrieval.web.errors import Dropped
from retrieval.web.freshness import retry_after
from retrieval.web.pages import Unfetchable
from retrieval.web.polite import Politeness
from retrieval.web.robots import RobotsRules
from retrieval.web.urls import WebUrl
from retrieval.web.visit import Received, Said, Visitor

_BUSY = {429, 502, 503, 504}
_TRIES = 2
_JITTER = 1.0  # seconds; a second try comes at a random moment within them


class Manners:
    """Between those who want a page and the network. `delay`: seconds between two requests."""

    def __init__(self, visitor: Visitor, robots: RobotsRules, polite: Politeness, delay: float):
        self._visitor, self._robots, self._polite = visitor, robots, polite
        self._delay = delay

    async def page(self, url: WebUrl, headers: Mapping[str, str], *, private: bool) -> Received:
        """Return the answer for a page that robots.txt lets be read.

        Raises:
            HttpError: there is no answer.
            Unfetchable: it may not be read, or the server wants to be left alone.
        """
        async with self._polite.turn(url.authority):
            wanted = await self._robots.check(url, private=private)
            delay = max(wanted, self._own_delay(url))
            return await self._tried(url, headers, delay, private=private)

    async def say(self, url: WebUrl, headers: Mapping[str, str], body: bytes | None) -> Said:
        """Return what an interface made for programs says, whatever its status.

        No robots.txt is asked, and there is no second try: whoever asks has others to ask. Other
        processes are told nothing of it.
        """
        host, pause = url.authority, self._own_delay(url)
        async with self._polite.turn(host):
            await self._polite.wait(host)
            try:
                said = await self._visitor.say(url, headers, body)
                if said.status in _BUSY:
                    pause = max(pause, retry_after(said.headers, time.time()) or 0.0)
            finally:
                self._polite.rest(host, pause, private=True)
        return said

    def _own_delay(self, url: WebUrl) -> float:
        return 0.0 if self._visitor.allows(url) else self._delay  # one's own server is no stranger

    async def _tried(
        self, url: WebUrl, headers: Mapping[str, str], delay: float, *, private: bool
    ) -> Received:
        host = url.authority
        for tries in range(1, _TRIES + 1):
            await self._polite.wait(host, delay, private=private)
            pause = delay
            try:
                received = await self._visitor.ask(url, headers)
                if received.status not in _BUSY:
                    return received
                pause = max(pause, self._asked_pause(received))
            except Dropped:
                if tries == _TRIES:
                    raise
                pause = max(pause, random.uniform(0, _JITTER))
            finally:
                self._polite.rest(host, pause, private=private)
        raise _busy(received, pause)

    def _asked_pause(self, received: Received) -> float:
        asked = retry_after(received.headers, time.time())
        return random.uniform(0, _JITTER) if asked is None else asked


def _busy(received: Received, pause: float) -> Unfetchable:
    if received.status == 429 or "retry-after" in received.headers:
        message = f"{received.url.host} asks to wait (status {received.status})"
        return Unfetchable("rate_limited", message, pause)
    return Unfetchable("status", f"the server cannot answer now (status {received.status})")
