"""`/v1/chat/completions` with the bare model: a request becomes replies, replies become chunks."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatapp.inference.generator import ChatMessage, Finished, SamplingParams
from chatapp.inference.scheduler import Scheduler
from chatapp.inference.tool_calls import ToolUse
from chatapp.server.choice import Choice, Event, Tally
from chatapp.server.messages import chat_messages
from chatapp.server.replies import Item, Replies
from chatapp.server.sampling import sampling_params
from chatapp.server.threads import beside
from chatapp.server.tool_calls import constraint, tool_use
from chatapp.version import __version__

FINGERPRINT = f"chatapp-{__version__}"


@dataclass(frozen=True)
class ChatRequest:
    """A checked request to the bare model."""

    model: str
    messages: list[ChatMessage]
    params: SamplingParams
    tools: ToolUse | None
    count: int
    include_usage: bool


def read_chat(body: dict[str, Any], defaults: SamplingParams, vocab_size: int) -> ChatRequest:
    """Take a checked body apart. Raises ApiError for what this model cannot do."""
    tools = tool_use(body)
    messages = chat_messages(body["messages"])
    if tools is not None:
        messages = [ChatMessage("system", tools.prompt()), *messages]
    logprobs = body.get("top_logprobs", 0) if body.get("logprobs") else None
    params = replace(
        sampling_params(body, defaults, vocab_size),
        constraint=constraint(body, tools),
        logprobs=logprobs,
    )
    usage = bool(body.get("stream_options", {}).get("include_usage"))
    return ChatRequest(body["model"], messages, params, tools, body.get("n", 1), usage)


class ChatAnswer:
    """The replies to one chat request, as one JSON object or as chunks. Use once."""

    def __init__(self, request: ChatRequest, replies: Replies, spelled: Sequence[bytes]) -> None:
        self._request, self._replies = request, replies
        self._choices = [
            Choice(
                index,
                spelled,
                logprobs=request.params.logprobs is not None,
                tools=request.tools is not None,
            )
            for index in range(request.count)
        ]
        self._base = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": FINGERPRINT,
        }
        self._tally = Tally()

    @classmethod
    async def ask(cls, request: ChatRequest, scheduler: Scheduler, client: str) -> ChatAnswer:
        """Submit a request; raises what `Scheduler.submit` raises."""
        size = sum(len(message.content) for message in request.messages)
        prompt = await beside(lambda: scheduler.prompt(request.messages), size)
        replies = await Replies.ask(
            scheduler, [prompt], request.params, count=request.count, client=client
        )
        return cls(request, replies, scheduler.spelled)

    async def whole(self) -> Event:
        """Return the answer once it is complete."""
        async for index, item in self._replies.items():
            self._take(index, item)
        return {
            **self._base,
            "object": "chat.completion",
            "choices": [choice.whole() for choice in self._choices],
            "usage": self._tally.usage(),
        }

    async def chunks(self) -> AsyncGenerator[Event, None]:
        """Yield the answer as it is made."""
        for choice in self._choices:
            yield self._chunk([choice.opening()])
        async for index, item in self._replies.items():
            for part in self._take(index, item):
                yield self._chunk([part])
        if self._request.include_usage:
            yield self._chunk([]) | {"usage": self._tally.usage()}

    def _take(self, index: int, item: Item) -> list[Event]:
        if isinstance(item, Finished):
            if index == 0:
                self._tally.prompt(item)
            self._tally.completion(item)
        return self._choices[index].take(item)

    def _chunk(self, choices: list[Event]) -> Event:
        usage = {"usage": None} if self._request.include_usage else {}
        return {**self._base, "object": "chat.completion.chunk", "choices": choices, **usage}
