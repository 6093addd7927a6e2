"""A server at an address: streamable HTTP by `mcp`, with bounds on what one response may hold.

The thing to know: the address is the person's own, from their settings file, and a redirect is
followed within its origin only (by `mcp`), so nothing that a server says leads anywhere else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

LONGEST_RESPONSE = 8 << 20  # bytes


class Address:
    """A server at an address; `fault` says what of its answers could not be taken."""

    last_words = ""  # what a program has, see `tools.mcp.stdio`

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers
        self.fault = ""

    @asynccontextmanager
    async def streams(self) -> AsyncGenerator[Any]:
        """Connect; yield the two streams of a transport of `mcp`."""
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        client = httpx2.AsyncClient(
            headers={"Accept-Encoding": "identity", **self._headers},
            timeout=httpx2.Timeout(30, read=300),  # a server may hold a stream open
            event_hooks={"response": [self._bound]},
        )
        async with client, streamable_http_client(self._url, http_client=client) as transport:
            yield transport

    async def _bound(self, response: httpx2.Response) -> None:
        """Refuse compressed answers, which could unfold without end, and count the rest.

        Streams of events are not counted: they may last, and `mcp` bounds each event.
        """
        import httpx2

        if response.headers.get("content-encoding", "identity") != "identity":
            self.fault = "sent a compressed answer, which was not asked for"
            raise httpx2.DecodingError(self.fault)
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        body: httpx2.AsyncByteStream = response.stream
        address = self

        class Counted(httpx2.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                left = LONGEST_RESPONSE
                async for piece in body:
                    left -= len(piece)
                    if left < 0:
                        address.fault = f"sent an answer of more than {LONGEST_RESPONSE >> 20} MB"
                        raise httpx2.ReadError(address.fault)
                    yield piece

            async def aclose(self) -> None:
                await body.aclose()

        response.stream = Counted()
