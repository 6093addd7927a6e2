"""Manners towards one host: one request at a time, a pause between two, and longer when it asks.

The thing to know: what is over the limit of patience is not waited for but said, with the seconds,
so that a person learns why and a search can go elsewhere. Two windows are one visitor to a host, so
pauses are shared between processes; a private one minds those of others and leaves none behind.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from retrieval.web.pages import Unfetchable

_MOST_HOSTS = 1000


@dataclass
class _Host:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0  # by the clock


class Shared(Protocol):
    """Where processes leave word for each other (`retrieval.web.cache.PageCache` is one)."""

    def left(self, host: str) -> float:
        """Return the seconds until a host may be asked."""
        ...

    def claim(self, host: str, seconds: float) -> float:
        """Take the next turn and return 0, or return the seconds until there is one."""
        ...

    def rest(self, host: str, seconds: float) -> None:
        """Leave a host alone for so long."""
        ...


class Politeness:
    """Queues for hosts; belongs to one event loop.

    Args:
        longest: seconds that a wait may take.
        shared: what other processes know; None is alone.
    """

    def __init__(
        self,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
        shared: Shared | None = None,
    ) -> None:
        self._longest, self._clock, self._shared = longest, clock, shared
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Hold the only place at a host."""
        async with self._host(host).turn:
            yield

    async def wait(self, host: str, pause: float = 0.0, *, private: bool = False) -> None:
        """Wait until the host may be asked again; others leave it alone for `pause` from then on.

        Raises:
            Unfetchable: that is too long from now.
        """
        await self._pass(host, self._host(host).free_at - self._clock())
        while left := self._held(host, pause, private):
            await self._pass(host, left)

    def rest(self, host: str, seconds: float, *, private: bool = False) -> None:
        """Leave the host alone for so long from now, or as long as was said before."""
        known = self._host(host)
        known.free_at = max(known.free_at, self._clock() + seconds)
        if self._shared and seconds > 0 and not private:
            self._shared.rest(host, seconds)

    async def _pass(self, host: str, left: float) -> None:
        if left > self._longest:
            message = f"{host} wants to be left alone for another {left:.0f} s"
            raise Unfetchable("rate_limited", message, left)
        if left > 0:
            await asyncio.sleep(left)

    def _held(self, host: str, pause: float, private: bool) -> float:
        """Return the seconds for which another process holds the host."""
        if self._shared is None or pause <= 0:
            return 0.0
        return self._shared.left(host) if private else self._shared.claim(host, pause)

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
