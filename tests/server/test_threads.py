"""However many long requests are worked on, a short one finds a thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from chatapp.inference.generator import SamplingParams
from chatapp.server import reading
from chatapp.server.chat import ChatAnswer, read_chat
from chatapp.server.completions import CompletionAnswer, read_completion
from chatapp.server.errors import ApiError
from chatapp.server.schemas import COMPLETION

LONG = "Hello" * 20_000
MANY = 40  # more than the event loop has threads

Ask = Callable[[str], Coroutine[Any, Any, object]]


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """What work on long requests waits for."""
    event = threading.Event()
    yield event
    event.set()


def served(ask: Ask, go: threading.Event) -> None:
    """Ask something short while many long requests are stuck; then let these end."""

    async def run() -> None:
        try:
            long = [asyncio.ensure_future(ask(LONG)) for _ in range(MANY)]
            await asyncio.sleep(0)
            await asyncio.wait_for(ask("Hello"), 10)
        finally:
            go.set()
        await asyncio.gather(*long)

    asyncio.run(run())


def test_while_they_are_checked(go: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(body: Any, schema: object) -> object:
        assert len(body["prompt"]) < len(LONG) or go.wait(20)
        return body

    monkeypatch.setattr(reading, "checked", stuck)

    async def ask(text: str) -> object:
        async def receive() -> dict[str, Any]:
            body = json.dumps({"prompt": text}).encode()
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
        return await reading.read_json(Request(scope, receive), COMPLETION, 5.0)

    served(ask, go)


@pytest.mark.parametrize("kind", ["chat", "completion"])
def test_while_they_become_tokens(kind: str, go: threading.Event) -> None:
    def stuck(asked: Any) -> list[int]:
        text = asked if isinstance(asked, str) else asked[-1].content
        assert len(text) < len(LONG) or go.wait(20)
        return [1]

    scheduler: Any = SimpleNamespace(prompt=stuck, text_ids=stuck, most_waiting=0)

    async def ask(text: str) -> object:
        """Come as far as the queue, which has no place."""
        messages = [{"role": "user", "content": text}]
        body = {"model": "m", "messages": messages, "prompt": text}
        asked: Coroutine[Any, Any, object]
        if kind == "chat":
            asked = ChatAnswer.ask(read_chat(body, SamplingParams(), 9), scheduler, "me")
        else:
            wanted = read_completion(body, SamplingParams(), 9)
            asked = CompletionAnswer.ask(wanted, scheduler, "me")
        with pytest.raises(ApiError, match="at most 0 may wait"):
            await asked
        return None

    served(ask, go)
