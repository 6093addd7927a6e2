"""What the rest of the app knows about a language model: messages in, text out, as it is made.

`Generator` is the seam between the chat and the engine. It is synchronous and is driven from a
worker thread; the assistant turns it into async events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True)
class ChatMessage:
    """One message of a chat prompt."""

    role: Role
    content: str


@dataclass(frozen=True)
class SamplingParams:
    """How to choose the next token. `greedy` ignores temperature, top-k, top-p and seed."""

    max_tokens: int = 256
    temperature: float = 0.4
    top_k: int = 50
    top_p: float = 0.95
    repetition_penalty: float = 1.1
    greedy: bool = False
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextDelta:
    """More generated text (always whole characters); `tokens` counts all made so far."""

    text: str
    tokens: int


@dataclass(frozen=True)
class Finished:
    """Last item of a stream."""

    reason: Literal["stop", "length", "interrupted"]
    prompt_tokens: int
    completion_tokens: int
    prefill_seconds: float
    decode_seconds: float


class Generator(Protocol):
    """A loaded chat model."""

    name: str
    context_length: int

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return how many tokens the prompt for `messages` takes, template included."""
        ...

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield the assistant's reply as it is made; `should_stop` is asked before every token.

        A message of the assistant at the end is continued, any other is answered.

        Raises:
            ContextOverflow: the prompt leaves no room for one new token.
        """
        ...


class ContextOverflow(ValueError):
    """The prompt does not fit the model's context window; the message says by how much."""
