"""How answers leave: JSON, errors, and streams of server-sent events.

The one thing to know: a client that leaves ends its request at once, whether it waits in the queue,
its prompt is being read, or its answer is half sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from chatapp.server.errors import ApiError, as_api_error

T = TypeVar("T")
log = logging.getLogger("chatapp")

DONE = b"data: [DONE]\n\n"


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def error_response(error: ApiError) -> JSONResponse:
    """Return an error as a response."""
    return JSONResponse(error.body(), error.status, error.headers)


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, while the client stays.

    Raises:
        ClientGone: it left; the work was cancelled.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        for future in (task, gone):
            future.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events as JSON objects, ended by `[DONE]`.

    What goes wrong after the first byte is sent as an event `{"error": …}`, which OpenAI's clients
    raise; there is no other way to tell.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[dict[str, Any], None]) -> None:
        self._events = events
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events while the client stays."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await unless_gone(receive, self._send(send))
        except ClientGone:
            return
        await send({"type": "http.response.body", "body": DONE, "more_body": False})

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            try:
                async for event in events:
                    await send(_body(event))
            except Exception as error:
                told = as_api_error(error)
                if told.status >= 500:
                    log.error("A streamed answer failed", exc_info=error)
                await send(_body(told.body()))


def _body(event: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    data = f"data: {text}\n\n".encode("utf-8", "replace")
    return {"type": "http.response.body", "body": data, "more_body": True}
