"""Manners towards one host: one request at a time, a pause between two, and longer when it asks.

The thing to know: what is over the limit of patience is not waited for but said, with the seconds,
so that a person learns why and a search can go elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from retrieval.web.pages import Unfetchable

_MOST_HOSTS = 1000


@dataclass
class _Host:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0  # by the clock


class Politeness:
    """Queues for hosts; belongs to one event loop. `longest`: seconds that a wait may take."""

    def __init__(self, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest, self._clock = longest, clock
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Hold the only place at a host."""
        async with self._host(host).turn:
            yield

    async def wait(self, host: str) -> None:
        """Wait until the host may be asked again.

        Raises:
            Unfetchable: that is too long from now.
        """
        left = self._host(host).free_at - self._clock()
        if left > self._longest:
            message = f"{host} wants to be left alone for another {left:.0f} s"
            raise Unfetchable("rate_limited", message, left)
        if left > 0:
            await asyncio.sleep(left)

    def rest(self, host: str, seconds: float) -> None:
        """Leave the host alone for so long from now, or as long as was said before."""
        known = self._host(host)
        known.free_at = max(known.free_at, self._clock() + seconds)

    def _host(self, name: str) -> _Host:
        if name not in self._hosts and len(self._hosts) >= _MOST_HOSTS:
            self._drop_idle()
        return self._hosts.setdefault(name, _Host())

    def _drop_idle(self) -> None:
        now = self._clock()
        self._hosts = {
            name: host
            for name, host in self._hosts.items()
            if host.turn.locked() or host.free_at > now
        }
