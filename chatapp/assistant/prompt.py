"""What the model is given: an optional system message and the newest messages that fit.

The window is shared: `max_tokens` of it are kept free for the answer. The question itself is
never cut; the oldest messages fall out first and stay readable and searchable in the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatapp.conversations import Message
from chatapp.inference.generator import ChatMessage, ContextOverflow, Generator, Role

NOT_FOUND = "I did not find this in the sources."
LONGEST_PROMPT = 32_000  # characters; several times what any shipped model can read


@dataclass(frozen=True)
class Prompt:
    """Messages for the generator, how many tokens they take and what was left out."""

    messages: list[ChatMessage]
    tokens: int
    dropped: int
    max_tokens: int


def build_prompt(
    generator: Generator, history: Sequence[Message], *, system: str = "", max_tokens: int = 256
) -> Prompt:
    """Return the newest part of `history` (root first, newest last) that fits the window.

    At most a quarter of the window is kept free for the answer, and less than that rather than
    cutting the newest message.

    Raises:
        ContextOverflow: the newest message alone does not fit.
    """
    head = [ChatMessage("system", system)] if system else []
    said = [_as_chat(message) for message in history if message.text]
    spare = min(max_tokens, max(1, generator.context_length // 4))
    messages = head + said[-1:]
    tokens, first = generator.count_tokens(messages), len(said) - 1
    if tokens >= generator.context_length:
        raise ContextOverflow(
            f"The question takes {tokens:,} tokens; this model reads at most "
            f"{generator.context_length:,} with its answer."
        )
    for start in _earlier_rounds(said):
        longer = head + said[start:]
        count = generator.count_tokens(longer)
        if count + spare > generator.context_length:
            break
        messages, tokens, first = longer, count, start
    return Prompt(messages, tokens, first, min(max_tokens, generator.context_length - tokens))


def _earlier_rounds(said: Sequence[ChatMessage]) -> Iterator[int]:
    """Yield where a longer prompt may begin, newest first: at a user message of readable size."""
    for place in range(len(said) - 2, -1, -1):
        if len(said[place].content) > LONGEST_PROMPT:
            return  # it was refused when it was asked, and would not fit now
        if said[place].role == "user":
            yield place


def _as_chat(message: Message) -> ChatMessage:
    role: Role = message.role
    return ChatMessage(role, message.text)
