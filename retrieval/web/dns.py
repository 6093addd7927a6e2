"""Names to addresses, once, within a time limit.

The thing to know: the system's resolver cannot be interrupted, and one that hangs would hold up the
end of the program if it ran in a pool; each look-up has a daemon thread of its own.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Protocol

from retrieval.web.errors import TimedOut, Unreachable

SECONDS = 5.0


class Resolver(Protocol):
    """Finds the addresses of a host."""

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return its IP addresses, the best first; at least one.

        Raises:
            Unreachable, TimedOut: there are none, or none were found in time.
        """
        ...


class SystemResolver:
    """Asks the operating system."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    async def resolve(self, host: str) -> tuple[str, ...]:
        """See `Resolver`."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[tuple[str, ...]] = loop.create_future()

        def tell(addresses: tuple[str, ...]) -> None:
            if not found.done():
                found.set_result(addresses)

        def look() -> None:
            addresses = _addresses(host)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, addresses)

        threading.Thread(target=look, name="dns", daemon=True).start()
        try:
            addresses = await asyncio.wait_for(found, self._seconds)
        except TimeoutError:
            raise TimedOut(f"no address for {host} within {self._seconds:g} s") from None
        if not addresses:
            raise Unreachable(f"there is no address for {host}")
        return addresses


def _addresses(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
