"""Model `chatapp`: the chat itself over the API, with sources, citations and tools of its own.

The answer is that of the assistant: quotes from the index where it has them, else the model's
words. Where it quotes, `citations` hold what each `[n]` stands for, down to the offsets in the
document, and the message carries the same as OpenAI's `annotations` of the kind `url_citation`.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from chatapp.assistant.events import Citation, Error, Event, MessageDelta, MessageDone, TurnStart
from chatapp.assistant.events import Warning as Warned
from chatapp.assistant.guests import Guests, Round, Visit
from chatapp.inference.generator import ChatMessage, SamplingParams
from chatapp.inference.scheduler import Closing
from chatapp.server.chat import FINGERPRINT
from chatapp.server.errors import ApiError
from chatapp.server.messages import chat_messages
from chatapp.server.sampling import sampling_params

_NOT_HERE = {
    "tools": "it uses its own tools",
    "response_format": "its answers are text",
    "logprobs": "its answers are not all made by the model",
    "logit_bias": "its answers are not all made by the model",
}
_STATUS = {
    "empty_question": (400, "invalid_request"),
    "context_overflow": (400, "context_length_exceeded"),
    "prompt_too_long": (400, "context_length_exceeded"),
    "model_unavailable": (503, "model_unavailable"),
}


def read_visit(body: dict[str, Any], defaults: SamplingParams) -> Visit:
    """Take a checked body apart.

    Raises:
        ApiError: it asks for what only the bare model can do, or ends with no question.
    """
    for name, why in _NOT_HERE.items():
        if body.get(name):
            raise _refused(name, f"the model chatapp takes no {name}, for {why}")
    if body.get("n", 1) > 1:
        raise _refused("n", "the model chatapp gives one answer")
    messages = chat_messages(body["messages"])
    system = "\n".join(message.content for message in messages if message.role == "system")
    talk = _turns([message for message in messages if message.role != "system"])
    if not talk or talk[-1].role != "user" or not talk[-1].content.strip():
        raise _refused("messages", "the last message must be the user's question")
    return Visit(
        question=talk[-1].content,
        earlier=_rounds(talk[:-1]),
        sampling=sampling_params(body, defaults, vocab_size=0),
        system=system,
        keep=bool(body.get("store")),
    )


def _turns(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return turns of user and assistant that alternate; neighbours of one role become one."""
    turns: list[ChatMessage] = []
    for message in messages:
        if message.role == "tool":
            raise _refused("messages", "the model chatapp takes no results of tools")
        if turns and turns[-1].role == message.role:
            joined = f"{turns.pop().content}\n\n{message.content}"
            message = ChatMessage(message.role, joined)
        turns.append(message)
    return turns


def _rounds(turns: Sequence[ChatMessage]) -> list[Round]:
    """Pair questions with answers; an answer that nobody asked for has an empty question."""
    rounds = []
    question = ""
    for turn in turns:
        if turn.role == "user":
            question = turn.content
        else:
            rounds.append(Round(question, turn.content))
            question = ""
    return rounds


def _refused(param: str, message: str) -> ApiError:
    return ApiError(400, message, code="unsupported", param=param)


class GroundedAnswer:
    """One answer of the assistant, as one JSON object or as chunks. Use once.

    `begin` runs the turn up to its first word, so that what goes wrong until then has a status.
    """

    def __init__(self, model: str, visit: Visit, guests: Guests, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._keep = visit.keep
        self._events = guests.answer(visit)
        self._first: list[Event] = []
        self._text = ""
        self._conversation = ""
        self._citations: list[Citation] = []
        self._warnings: list[Warned] = []
        self._done: MessageDone | None = None
        self._base = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": FINGERPRINT,
        }

    async def begin(self) -> GroundedAnswer:
        """Wait for the first word.

        Raises:
            ApiError: the turn failed before it.
        """
        try:
            async for event in self._events:
                self._first.append(event)
                if isinstance(event, Error):
                    raise _failed(event)
                if isinstance(event, MessageDelta | MessageDone):
                    break
        except BaseException:
            await self._events.aclose()
            raise
        return self

    async def whole(self) -> dict[str, Any]:
        """Return the answer once it is complete. Raises ApiError when the turn fails."""
        async for event in self._all():
            self._take(event)
        message = {
            "role": "assistant",
            "content": self._text,
            "refusal": None,
            "annotations": self._annotations(),
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self._reason(),
        }
        return {
            **self._base,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage(),
            **self._extras(),
        }

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the answer as it is made; the last chunk of the choice holds the citations."""
        yield self._chunk({"role": "assistant", "content": ""})
        async for event in self._all():
            self._take(event)
            if isinstance(event, MessageDelta) and event.text:
                yield self._chunk({"content": event.text})
        if self._citations:
            yield self._chunk({"annotations": self._annotations()})
        yield self._chunk({}, self._reason()) | self._extras()
        if self._include_usage:
            yield self._chunk({}) | {"choices": [], "usage": self._usage()}

    async def _all(self) -> AsyncGenerator[Event, None]:
        try:
            for event in self._first:
                yield event
            async for event in self._events:
                yield event
        finally:
            await self._events.aclose()

    def _take(self, event: Event) -> None:
        match event:
            case TurnStart():
                self._conversation = event.conversation
            case MessageDelta():
                self._text += event.text
            case Citation():
                self._citations.append(event)
            case Warned():
                self._warnings.append(event)
            case MessageDone(finish_reason="interrupted"):  # by nobody but the server's end
                raise Closing("the server is shutting down, and this answer was cut")
            case MessageDone():
                self._done = event
            case Error():
                raise _failed(event)

    def _reason(self) -> str:
        return "length" if self._done and self._done.finish_reason == "length" else "stop"

    def _usage(self) -> dict[str, int]:
        usage = self._done.usage if self._done else None
        prompt = usage.prompt_tokens if usage else 0
        completion = usage.completion_tokens if usage else 0
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _extras(self) -> dict[str, Any]:
        """Return what OpenAI's API has no field for."""
        return {
            "citations": [dataclasses.asdict(citation) for citation in self._citations],
            "chatapp": {
                "grounding": self._done.grounding if self._done else None,
                "conversation": self._conversation if self._keep else None,
                "warnings": [
                    {"code": warning.code, "message": warning.message} for warning in self._warnings
                ],
            },
        }

    def _annotations(self) -> list[dict[str, Any]]:
        found = []
        for citation in self._citations:
            mark = f"[{citation.n}]"
            start = max(self._text.find(mark), 0)
            place = {
                "url": citation.uri,
                "title": citation.title,
                "start_index": start,
                "end_index": start + len(mark),
            }
            found.append({"type": "url_citation", "url_citation": place})
        return found

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self._include_usage else {}
        return {**self._base, "object": "chat.completion.chunk", "choices": [choice], **usage}


def _failed(error: Error) -> ApiError:
    status, code = _STATUS.get(error.code, (500, error.code))
    return ApiError(status, f"{error.message} {error.hint}".strip(), code=code)
