"""A summary of the rounds that no longer fit the window, written by the model if the person asks.

The thing to know: it is the model's own telling, so wherever it is shown or told it says who wrote
it. It is no message: nothing is learnt from it, recalled or searched. What the person wrote in its
place is never written over unless they ask for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from chatapp.assistant import failures
from chatapp.assistant.events import MemoryUsed, UsedMemory
from chatapp.assistant.instructions import Piece
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.run import Interrupted
from chatapp.assistant.writing import Writing
from chatapp.conversations import ConversationStore, Message, Summary
from chatapp.inference.generator import ChatMessage, Generator, SamplingParams, TextDelta
from retrieval.text import sanitize_text

SHARE = 0.1  # of the context window, for a summary
LEAST_NEW = 3  # rounds that must have left the window before the summary is written anew
_LONGEST_SHOWN = 160  # characters, under an answer
_TASK = (
    "Summarise this conversation in at most five short sentences. Keep names, numbers, dates, "
    "decisions and open questions. Write nothing else."
)
_SPEAKERS = {"user": "User", "assistant": "Assistant"}


class NothingToSummarise(ValueError):
    """The model wrote nothing, or there is nothing to write about."""


def by_whom(summary: Summary) -> str:
    """Return who wrote a summary, as it is said to the person."""
    return "edited by you" if summary.edited else f"written by the model {summary.model}, unchecked"


async def summary_for_prompt(
    writing: Writing, lazy: Lazy[Generator], generator: Generator, seen: Collection[str]
) -> Piece:
    """Return the summary of the messages outside the window, writing it where it is due.

    `seen` are ids of the messages that the window still holds.
    """
    if not writing.services.settings.memory.summary:
        return Piece()
    outside = [m for m in writing.draft.path if m.text and m.id not in seen]
    if not outside:
        return Piece()
    store = writing.services.store
    summary = await asyncio.to_thread(store.summary, writing.draft.question.id)
    if _is_due(summary, outside):
        summary = await _written(writing, lazy, outside, summary)
    if summary is None:
        return Piece()
    text = await writing.run.in_thread(lazy.thread, lambda: _within(generator, summary.text))
    shown = f"a summary of earlier rounds ({by_whom(summary)}): {_short(text)}"
    writing.reply.memories += 1
    writing.emit(MemoryUsed([UsedMemory(summary.message_id, shown, summary.created_at)]))
    return Piece(f"{_head(summary)}\n{text}", told=True)


def summarise(
    store: ConversationStore,
    generator: Generator,
    messages: Sequence[Message],
    before: Summary | None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Summary:
    """Write the summary of a branch down to the last of `messages`, going on from `before`.

    Blocking: call it in the model's thread.

    Raises:
        NothingToSummarise: the model wrote nothing.
        Interrupted: it was stopped; the old summary stays.
    """
    text = before.text if before else ""
    most = max(32, int(generator.context_length * SHARE))
    rest = [m for m in messages if m.text]
    if not rest:
        raise NothingToSummarise("nothing was said yet")
    end = rest[-1].id
    while rest:
        prompt, count = _prompt(generator, text, rest, most)
        text = _reply(generator, prompt, most, should_stop)
        rest = rest[count:]
    if not text:
        raise NothingToSummarise("the model wrote nothing")
    return store.keep_summary(end, text, model=generator.name, instead_of=before)


def _is_due(summary: Summary | None, outside: Sequence[Message]) -> bool:
    if summary is None:
        return True
    new = sum(message.role == "user" for message in _after(summary, outside))
    return not summary.edited and new >= LEAST_NEW


def _after(summary: Summary | None, messages: Sequence[Message]) -> Sequence[Message]:
    """Return the messages that a summary does not cover; none where it reaches beyond them."""
    if summary is None:
        return messages
    ids = [message.id for message in messages]
    return messages[ids.index(summary.message_id) + 1 :] if summary.message_id in ids else ()


async def _written(
    writing: Writing, lazy: Lazy[Generator], outside: Sequence[Message], before: Summary | None
) -> Summary | None:
    """Return the new summary; the old one, with a warning, where the model fails at it."""
    return (
        await writing.attempt(
            lazy,
            lambda generator: summarise(
                writing.services.store,
                generator,
                _after(before, outside),
                before,
                writing.run.should_stop,
            ),
            failures.no_summary,
        )
        or before
    )


def _prompt(
    generator: Generator, before: str, messages: Sequence[Message], most: int
) -> tuple[list[ChatMessage], int]:
    """Return the request for as many of the messages as fit the window, and how many those are.

    One that is too long alone is cut, to half as often as it takes.
    """

    def fits(prompt: list[ChatMessage]) -> bool:
        return generator.count_tokens(prompt) + most < generator.context_length

    for count in range(len(messages), 1, -1):
        if fits(prompt := _request(before, messages[:count])):
            return prompt, count
    length = len(messages[0].text)
    while not fits(prompt := _request(before, messages[:1], length)) and length:
        length //= 2
    return prompt, 1


def _request(
    before: str, messages: Sequence[Message], length: int | None = None
) -> list[ChatMessage]:
    said = [f"{_SPEAKERS.get(m.role, m.role)}: {m.text[:length]}" for m in messages]
    sofar = [f"Summary of what came before: {before}"] if before else []
    return [ChatMessage("user", "\n\n".join([_TASK, *sofar, *said]))]


def _reply(
    generator: Generator,
    prompt: list[ChatMessage],
    max_tokens: int,
    should_stop: Callable[[], bool],
) -> str:
    params = SamplingParams(max_tokens=max_tokens, greedy=True)
    items = generator.stream(prompt, params, should_stop)
    text = "".join(item.text for item in items if isinstance(item, TextDelta))
    if should_stop():
        raise Interrupted
    return " ".join(sanitize_text(text).split())


def _within(generator: Generator, text: str) -> str:
    """Return the beginning of a text that takes at most its share of the window."""
    most = int(generator.context_length * SHARE)
    while generator.count_tokens([ChatMessage("system", text)]) > most and " " in text:
        text = text[: len(text) * 3 // 4].rpartition(" ")[0]
    return text


def _head(summary: Summary) -> str:
    who = "as the user wrote it" if summary.edited else "written by a model, perhaps wrong"
    return f"Summary of earlier rounds of this conversation, {who}:"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_SHOWN else flat[: _LONGEST_SHOWN - 1].rstrip() + "…"
