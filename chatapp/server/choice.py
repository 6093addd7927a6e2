"""One reply as a `choice` of the API: its text so far, read as content or as calls of tools."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from chatapp.inference.generator import Finished, TextDelta, TokenLogprob
from chatapp.inference.tool_calls import OPEN, read_calls
from chatapp.server.logprobs import chat_logprobs

Event = dict[str, Any]

# A reply is only ever interrupted when nobody reads it any more.
REASONS = {"stop": "stop", "length": "length", "interrupted": "stop"}


class Choice:
    """Takes the items of one reply.

    Args:
        index: which of the replies to a request it is.
        spelled: the bytes of every token id.
        logprobs: they were asked for.
        tools: it may call some; a text that begins like a call is then held back until its end.
    """

    def __init__(
        self, index: int, spelled: Sequence[bytes], *, logprobs: bool, tools: bool
    ) -> None:
        self._index, self._spelled = index, spelled
        self._wants_logprobs, self._tools = logprobs, tools
        self._text = ""
        self._tokens: list[TokenLogprob] = []
        self._calls: list[Event] = []
        self._reason = ""

    def opening(self) -> Event:
        """Return the first chunk, which names the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def take(self, item: TextDelta | Finished) -> list[Event]:
        """Add to the reply; return the chunks that can be sent now."""
        if isinstance(item, TextDelta):
            self._text += item.text
            self._tokens += item.logprobs
            if self._held:
                return []
            return [self._chunk({"content": item.text}, logprobs=item.logprobs)]
        self._reason = REASONS[item.reason]
        last = self._chunk({}, reason=self._reason)
        if not self._held:
            return [last]
        self._calls = [_as_call(call) for call in read_calls(self._text)]
        if not self._calls:  # it was cut before the first was whole
            return [self._chunk({"content": self._text}, logprobs=self._tokens), last]
        self._reason = last["finish_reason"] = "tool_calls"
        calls = [{"index": place, **call} for place, call in enumerate(self._calls)]
        return [self._chunk({"tool_calls": calls}, logprobs=self._tokens), last]

    def whole(self) -> Event:
        """Return the complete choice."""
        message: Event = {"role": "assistant", "content": self._text, "refusal": None}
        if self._calls:
            message |= {"content": None, "tool_calls": self._calls}
        return {
            "index": self._index,
            "message": message,
            "logprobs": self._logprobs(self._tokens),
            "finish_reason": self._reason,
        }

    @property
    def _held(self) -> bool:
        return self._tools and self._text.startswith(OPEN[0])

    def _chunk(
        self,
        delta: Event,
        *,
        logprobs: Sequence[TokenLogprob] = (),
        reason: str | None = None,
    ) -> Event:
        return {
            "index": self._index,
            "delta": delta,
            "logprobs": self._logprobs(logprobs) if logprobs else None,
            "finish_reason": reason,
        }

    def _logprobs(self, tokens: Sequence[TokenLogprob]) -> Event | None:
        return chat_logprobs(self._spelled, tokens) if self._wants_logprobs else None


class Tally:
    """Counts the tokens of several replies to one prompt, or to several."""

    def __init__(self) -> None:
        self._prompt = self._cached = self._completion = 0

    def prompt(self, finished: Finished) -> None:
        """Count the prompt of a reply."""
        self._prompt += finished.prompt_tokens
        self._cached += finished.cached_tokens

    def completion(self, finished: Finished) -> None:
        """Count a reply."""
        self._completion += finished.completion_tokens

    def usage(self) -> Event:
        """Return the counts in OpenAI's form."""
        return {
            "prompt_tokens": self._prompt,
            "completion_tokens": self._completion,
            "total_tokens": self._prompt + self._completion,
            "prompt_tokens_details": {"cached_tokens": self._cached},
        }


def _as_call(call: Event) -> Event:
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    return {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments},
    }
