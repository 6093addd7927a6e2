"""The memory's way of answering: it learns from the question, and answers what it knows itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from chatapp.assistant import failures, remembering
from chatapp.assistant.events import MemoryUsed
from chatapp.assistant.instructions import Piece, system_turn
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.private_text import ABOUT_YOU
from chatapp.assistant.prompt import build_prompt
from chatapp.assistant.remembering import Item
from chatapp.assistant.writing import Writing
from chatapp.conversations import Message
from chatapp.inference.generator import ChatMessage, Generator

if TYPE_CHECKING:
    from chatapp.memory import Memory


async def answer_from_memory(writing: Writing) -> bool:
    """Let the memory learn and answer; return whether it answered."""
    memory = _memory(writing)
    if memory is None:
        return False
    draft, now = writing.draft, writing.services.clock()
    taken = await writing.attempt(
        memory, lambda known: remembering.take(known, draft, now), failures.no_memory
    )
    if taken is None:
        return False
    for proposed in taken.proposed:
        writing.emit(proposed)
    if taken.used is not None:
        writing.reply.memories += len(taken.used.items)
        writing.emit(taken.used)
    if not taken.text:
        return False
    writing.reply.grounding = "memory" if taken.found else "not_found"
    writing.reply.say(taken.text)
    return True


async def known_facts(
    writing: Writing, lazy: Lazy[Generator], generator: Generator, seen: Collection[str]
) -> Piece:
    """Return what the model is told beside the conversation, within its share of the window.

    `seen` are ids of the messages that the window still holds.
    """
    memory = _memory(writing)
    if memory is None:
        return Piece()
    draft, now = writing.draft, writing.services.clock()
    found = await writing.attempt(
        memory,
        lambda known: remembering.items_for_prompt(known, draft, seen, now),
        failures.no_memory,
    )
    if not found:
        return Piece()
    items = await writing.run.in_thread(lazy.thread, lambda: _fitting(generator, found))
    if not items:
        return Piece()
    await writing.attempt(
        memory, lambda known: remembering.note_used(known, draft, items), failures.no_memory
    )
    writing.reply.memories += len(items)
    said_here = {message.id for message in draft.path}
    if any(item.fact is not None or item.used.id not in said_here for item in items):
        writing.reply.private.append(ABOUT_YOU)
    writing.emit(MemoryUsed([item.used for item in items]))
    return remembering.as_prompt(items)


async def in_window(
    writing: Writing, lazy: Lazy[Generator], generator: Generator, history: Sequence[Message]
) -> set[str]:
    """Return the ids of the messages that fit the window when nothing is added to it."""
    return await writing.run.in_thread(
        lazy.thread, lambda: _fitting_ids(writing, generator, history)
    )


def _fitting_ids(writing: Writing, generator: Generator, history: Sequence[Message]) -> set[str]:
    said = [message for message in history if message.text]
    if not said:  # a file without a word
        return set()
    options = writing.options
    prompt = build_prompt(
        generator,
        said,
        system=system_turn([Piece(options.system)]),
        max_tokens=options.sampling.max_tokens,
    )
    return {message.id for message in said[prompt.dropped :]}


def _fitting(generator: Generator, items: Sequence[Item]) -> list[Item]:
    """Return the first items whose lines take at most their share of the window."""
    most = int(generator.context_length * remembering.PROMPT_SHARE)
    for count in range(len(items), 0, -1):
        told = ChatMessage("system", remembering.as_prompt(items[:count]).text)
        if generator.count_tokens([told]) <= most:
            return list(items[:count])
    return []


def _memory(writing: Writing) -> Lazy[Memory] | None:
    return writing.services.memory if writing.options.use_memory else None
