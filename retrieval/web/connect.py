"""Connections to strangers: one look-up, every address judged, and the connection to a judged one.

The thing to know: this stands *below* HTTP, where a connection is made, so that no address form, no
redirect and no second answer of a name server gets past it. TLS above it still sees the name: the
certificate is checked against the host of the URL, and `Host` stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpcore

from retrieval.web.dns import Resolver
from retrieval.web.guard import Guard

CONNECT_SECONDS = 5.0  # for each address


def dial() -> httpcore.AsyncNetworkBackend:
    """Return what really connects; it gets addresses, never names."""
    return httpcore.AnyIOBackend()


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """What `httpcore` connects through."""

    def __init__(self, guard: Guard, resolver: Resolver) -> None:
        self._guard, self._resolver = guard, resolver
        self._inner = dial()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers.

        Raises:
            Forbidden: one of the addresses is not public.
            Unreachable, TimedOut: the name has no address.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address answers.
        """
        addresses = await self._resolver.resolve(host)
        self._guard.check_addresses(host, port, addresses)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, CONNECT_SECONDS, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """No page lies behind a local socket."""
        raise httpcore.ConnectError("a local socket is no place for pages")

    async def sleep(self, seconds: float) -> None:
        """Wait between tries of a connection."""
        await self._inner.sleep(seconds)
