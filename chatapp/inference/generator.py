"""What the rest of the app knows about a language model: messages in, text out, as it is made.

`Generator` is the seam between the chat and the engine. It is synchronous and is driven from a
worker thread; the assistant turns it into async events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from chatapp.inference.masks.protocol import Constraint

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True)
class ChatMessage:
    """One message of a chat prompt.

    `tools` offers tools to a model whose template knows them: the JSON of name, description and
    parameters of each. They hold for the whole prompt, whichever message names them.
    """

    role: Role
    content: str
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class SamplingParams:
    """How to choose the next token.

    Attributes:
        max_tokens: how many new tokens at most.
        temperature: divides logits; 0, or as good as 0, is greedy.
        top_k: how many likeliest tokens are kept; 0 keeps all.
        top_p: the mass of likeliest tokens that is kept.
        repetition_penalty: divides positive and multiplies negative logits of what was already
            said in this reply; 1 is off.
        greedy: take the likeliest token; temperature, the cuts and the seed are ignored.
        seed: makes draws reproducible; None draws another seed each time.
        stop: texts that end the reply and are no part of it.
        min_p: tokens less likely than this times the likeliest are dropped.
        stop_tokens: ids that end the reply besides the ends of turn and text.
        logprobs: report log-probabilities of the tokens, and of so many likeliest others.
        constraint: which texts the reply may be; see `chatapp.inference.masks`.
        presence_penalty: taken off the logit of every token that this reply has said.
        frequency_penalty: taken off it for each time that it was said.
        logit_bias: token ids and what is added to their logits.
    """

    max_tokens: int = 256
    temperature: float = 0.4
    top_k: int = 50
    top_p: float = 0.95
    repetition_penalty: float = 1.1
    greedy: bool = False
    seed: int | None = None
    stop: tuple[str, ...] = ()
    min_p: float = 0.0
    stop_tokens: tuple[int, ...] = ()
    logprobs: int | None = None
    constraint: Constraint | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class TokenLogprob:
    """A token of the reply under the model's own distribution: temperature 1, nothing cut.

    `top` holds the likeliest tokens at its place with their log-probabilities, likeliest first.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class TextDelta:
    """More generated text (always whole characters); `tokens` counts all made so far.

    `logprobs` holds the tokens since the delta before, if they were asked for; text may then be
    empty in the last delta.
    """

    text: str
    tokens: int
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Finished:
    """Last item of a stream.

    Attributes:
        cached_tokens: how much of the prompt did not have to be read.
        steps: how many times the model ran for the completion; fewer than its tokens where
            speculation helped.
    """

    reason: Literal["stop", "length", "interrupted"]
    prompt_tokens: int
    completion_tokens: int
    prefill_seconds: float
    decode_seconds: float
    cached_tokens: int = 0
    steps: int = 0


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
