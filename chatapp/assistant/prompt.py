"""What the model is given: an optional system message and the newest messages that fit.

The window is shared: `max_tokens` of it are kept free for the answer. The question itself is
never cut; the oldest messages fall out first and stay readable and searchable in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from chatapp.conversations import Message
from chatapp.conversations.seen import PromptTurn, Seen
from chatapp.inference.generator import ChatMessage, ContextOverflow, Generator, Role

NOT_FOUND = "I did not find this in the sources."
LONGEST_PROMPT = 32_000  # characters; several times what any shipped model can read


@dataclass(frozen=True)
class Prompt:
    """Messages for the generator, how many tokens they take and what was left out.

    `dropped` counts messages with text, oldest first; `seen` is the same prompt as it is kept.
    """

    messages: list[ChatMessage]
    tokens: int
    dropped: int
    max_tokens: int
    seen: Seen


def build_prompt(
    generator: Generator,
    history: Sequence[Message],
    *,
    system: PromptTurn | None = None,
    max_tokens: int = 256,
    tools: tuple[str, ...] = (),
    tail: Sequence[PromptTurn] = (),
) -> Prompt:
    """Return the newest part of `history` (root first, newest last) that fits the window.

    At most a quarter of the window is kept free for the answer, and less than that rather than
    cutting the newest message.

    Args:
        generator: counts the tokens and knows the window.
        history: the messages of the branch.
        system: instructions, facts and passages that stand before them.
        max_tokens: the longest answer.
        tools: what the model may call; see `ChatMessage.tools`.
        tail: calls of this very answer and their results; never cut.

    Raises:
        ContextOverflow: the newest message alone does not fit.
    """
    said = [_as_chat(message) for message in history if message.text]
    said = said or [_as_chat(history[-1])]  # a file without a word
    head = [ChatMessage("system", system.content)] if system else []
    after = [_turn_as_chat(turn) for turn in tail]
    spare = min(max_tokens, max(1, generator.context_length // 4))

    def measured(start: int) -> tuple[list[ChatMessage], int]:
        messages = [*head, *said[start:], *after]
        messages[0] = replace(messages[0], tools=tools)
        return messages, generator.count_tokens(messages)

    first = len(said) - 1
    messages, tokens = measured(first)
    if tokens >= generator.context_length:
        raise ContextOverflow(
            f"The question takes {tokens:,} tokens; this model reads at most "
            f"{generator.context_length:,} with its answer."
        )
    starts = list(_earlier_rounds(said))
    fits = _most(
        len(starts),
        lambda count: measured(starts[count - 1])[1] + spare <= generator.context_length,
    )
    if fits:
        first = starts[fits - 1]
        messages, tokens = measured(first)
    seen = Seen(system, *_lengths(history, first), tuple(tail), tools)
    spare = min(max_tokens, generator.context_length - tokens)
    return Prompt(messages, tokens, first, spare, seen)


def _lengths(history: Sequence[Message], dropped: int) -> tuple[tuple[int, ...], int]:
    """Return how long the messages are that were not dropped, and what was gone on from."""
    places = [place for place, message in enumerate(history) if message.text]
    kept = history[places[dropped] :] if places else history[-1:]
    continued = len(kept) > 1 and kept[-1].role == "assistant"
    lengths = [len(message.text) for message in kept]
    return (tuple(lengths[:-1]), lengths[-1]) if continued else (tuple(lengths), 0)


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """Return the largest count up to `limit` that fits, if each smaller one fits too; 0 for none.

    It doubles and then halves, so a long history is not measured again for each of its rounds.
    """
    low, step = 0, 1
    while low + step <= limit and fits(low + step):
        low, step = low + step, step * 2
    high = min(limit + 1, low + step)  # known, or known to be beyond the end, not to fit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _earlier_rounds(said: Sequence[ChatMessage]) -> Iterator[int]:
    """Yield where a longer prompt may begin, newest first: at a user message of readable size."""
    for place in range(len(said) - 2, -1, -1):
        if len(said[place].content) > LONGEST_PROMPT:
            return  # it was refused when it was asked, and would not fit now
        if said[place].role == "user":
            yield place


def _turn_as_chat(turn: PromptTurn) -> ChatMessage:
    return ChatMessage(cast("Role", turn.role), turn.content)


def _as_chat(message: Message) -> ChatMessage:
    role: Role = message.role
    return ChatMessage(role, message.text)
