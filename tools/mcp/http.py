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


@asynccontextmanager
async def streams(url: str, headers: Mapping[str, str]) -> AsyncGenerator[Any]:
    """Connect; yield the two streams of a transport of `mcp`."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    client = httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity", **headers},
        timeout=httpx2.Timeout(30, read=300),  # a server may hold a stream open
        event_hooks={"response": [_bound]},
    )
    async with client, streamable_http_client(url, http_client=client) as transport:
        yield transport


async def _bound(response: httpx2.Response) -> None:
    """Refuse compressed answers, which could unfold without end, and count the rest.

    Streams of events are not counted: they may last, and `mcp` bounds each event.
    """
    import httpx2

    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("the answer is compressed, which was not asked for")
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        return
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    body: httpx2.AsyncByteStream = response.stream

    class Counted(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = LONGEST_RESPONSE
            async for piece in body:
                left -= len(piece)
                if left < 0:
                    raise httpx2.ReadError(f"the answer is over {LONGEST_RESPONSE >> 20} MB")
                yield piece

        async def aclose(self) -> None:
            await body.aclose()

    response.stream = Counted()
