"""The engine: a loaded GPT that streams chat replies on the CPU.

One sequence at a time. The key-value cache outlives a call: the next prompt is compared with what
the cache holds, and only the part that differs is read again, so a chat's next turn costs its new
tokens only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from chatapp.inference.generator import (
    ChatMessage,
    ContextOverflow,
    Finished,
    SamplingParams,
    TextDelta,
)
from chatapp.inference.sampling import choose
from chatapp.inference.text_stream import TextStream
from chatapp.model.cache import KeyValueCache
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer

_PREFILL_CHUNK = 256  # tokens between two looks at `should_stop`


class Engine:
    """A `Generator` over the project's own GPT. Not thread-safe: one stream at a time."""

    def __init__(self, name: str, model: GPT, tokenizer: ChatTokenizer) -> None:
        self.name = name
        self.context_length = model.config.context_length
        self._model, self._tokenizer = model, tokenizer
        self._cache = KeyValueCache(model.config, capacity=self.context_length)
        self._cached: list[int] = []

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return how many tokens the prompt for `messages` takes, template included."""
        return len(self._prompt(messages))

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield the assistant's reply as it is made; see `Generator.stream`."""
        prompt = self._prompt(messages)
        room = self.context_length - len(prompt)
        if room < 1:
            raise ContextOverflow(
                f"the prompt takes {len(prompt)} tokens, the model reads {self.context_length}; "
                "shorten the message or start a new conversation"
            )
        rng = torch.Generator().manual_seed(
            params.seed if params.seed is not None else torch.seed() % 2**63
        )
        clock = time.monotonic()
        with torch.inference_mode():
            logits = self._prefill(prompt, should_stop)
        prefilled = time.monotonic()
        text = TextStream(self._tokenizer.decode, params.stop)
        made: list[int] = []
        reason: str = "length"
        for _ in range(min(params.max_tokens, room)):
            if logits is None or should_stop():
                reason = "interrupted"
                break
            token = choose(logits, torch.tensor(made, dtype=torch.int64), params, rng)
            if token in (self._tokenizer.end_of_turn, self._tokenizer.end_of_text):
                reason = "stop"
                break
            made.append(token)
            if delta := text.push(token):
                yield TextDelta(delta, len(made))
            if text.stopped:
                reason = "stop"
                break
            if len(made) < room:
                with torch.inference_mode():
                    logits = self._read([token])
        if delta := text.finish():
            yield TextDelta(delta, len(made))
        yield Finished(
            reason=reason,  # type: ignore[arg-type]
            prompt_tokens=len(prompt),
            completion_tokens=len(made),
            prefill_seconds=prefilled - clock,
            decode_seconds=time.monotonic() - prefilled,
        )

    def _prompt(self, messages: Sequence[ChatMessage]) -> list[int]:
        pairs = [(message.role, message.content) for message in messages]
        if pairs and pairs[-1][0] == "assistant":
            return self._tokenizer.encode_prompt(pairs[:-1], partial=pairs[-1][1])
        return self._tokenizer.encode_prompt(pairs)

    def _prefill(self, prompt: list[int], should_stop: Callable[[], bool]) -> Tensor | None:
        """Read what the cache lacks of the prompt; None when interrupted on the way."""
        shared = _common_prefix(self._cached, prompt)
        # the last token is always read again: its logits are what comes next
        self._forget(min(shared, len(prompt) - 1))
        logits = None
        for start in range(self._cache.length, len(prompt), _PREFILL_CHUNK):
            if should_stop():
                return None
            logits = self._read(prompt[start : start + _PREFILL_CHUNK])
        return logits

    def _read(self, tokens: list[int]) -> Tensor:
        """Read tokens into the cache; return the logits after the last, shape (V,), float32."""
        hidden = self._model.hidden(torch.tensor([tokens]), self._cache)
        self._cached += tokens
        return self._model.head(hidden[0, -1]).float()  # type: ignore[no-any-return]

    def _forget(self, length: int) -> None:
        self._cache.truncate(length)
        del self._cached[length:]


def _common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many leading ids two sequences share."""
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))
