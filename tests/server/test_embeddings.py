"""Embedding takes turns, in few threads, and ends when nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.requests import Request

from chatapp.server.app import Api
from chatapp.server.embeddings import AT_ONCE
from chatapp.server.responses import ClientGone


class SlowEmbedder:
    """Waits for `go` in every call; counts calls, and how many were under way at once."""

    dimension = 3

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Semaphore(0)
        self.texts: list[str] = []
        self.most = self._running = 0
        self._lock = threading.Lock()

    def embed_passages(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the length of each text in three columns."""
        with self._lock:
            self.texts += texts
            self._running += 1
            self.most = max(self.most, self._running)
        self.begun.release()
        assert self.go.wait(20)
        with self._lock:
            self._running -= 1
        return np.array([[len(text)] * 3 for text in texts], np.float32)


def api(embedder: SlowEmbedder) -> Api:
    service: Any = SimpleNamespace(
        config=SimpleNamespace(patience_seconds=5.0), require_embedder=lambda name: embedder
    )
    return Api(service)


def request(texts: list[str], left: asyncio.Event) -> Request:
    """A request whose client leaves when `left` is set."""
    body = json.dumps({"model": "chatapp-embeddings", "input": texts}).encode()
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    return Request(scope, receive)


async def all_at_work(embedder: SlowEmbedder) -> None:
    """Return once every thread there may be has begun."""
    for _ in range(AT_ONCE):
        assert await asyncio.to_thread(embedder.begun.acquire, timeout=20)


def test_texts_keep_their_order_over_all_turns() -> None:
    embedder = SlowEmbedder()
    embedder.go.set()
    texts = ["a" * (1 + n % 7) for n in range(150)]

    async def run() -> Any:
        return await api(embedder).embed(request(texts, asyncio.Event()))

    data = json.loads(bytes(asyncio.run(run()).body))["data"]
    assert [each["embedding"] for each in data] == [[len(text)] * 3 for text in texts]
    assert [each["index"] for each in data] == list(range(150))


def test_a_client_that_leaves_ends_its_request_at_once() -> None:
    """The texts in hand are embedded, no others; the thread keeps its place until then."""
    embedder = SlowEmbedder()

    async def run() -> None:
        server, left = api(embedder), asyncio.Event()
        asked = [
            asyncio.ensure_future(server.embed(request(["a"] * 150, left))) for _ in range(AT_ONCE)
        ]
        await all_at_work(embedder)
        left.set()
        for each in asked:
            with pytest.raises(ClientGone):
                await asyncio.wait_for(each, 5)
        other = asyncio.ensure_future(server.embed(request(["b"], asyncio.Event())))
        await asyncio.sleep(0.1)
        assert "b" not in embedder.texts
        embedder.go.set()
        assert (await asyncio.wait_for(other, 5)).status_code == 200

    asyncio.run(run())
    assert embedder.texts.count("a") == 64 * AT_ONCE


def test_many_requests_share_few_threads() -> None:
    embedder = SlowEmbedder()

    async def run() -> None:
        server = api(embedder)
        asked = [
            asyncio.ensure_future(server.embed(request(["a"] * 70, asyncio.Event())))
            for _ in range(3 * AT_ONCE)
        ]
        await all_at_work(embedder)
        await asyncio.sleep(0.1)
        embedder.go.set()
        assert {(await each).status_code for each in asked} == {200}

    asyncio.run(run())
    assert embedder.most == AT_ONCE
