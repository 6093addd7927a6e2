"""The memory's way of answering: it learns from the question, and answers what it knows itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatapp.assistant import failures, remembering
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.writing import Writing
from chatapp.inference.generator import Generator

if TYPE_CHECKING:
    from chatapp.memory import Memory


async def answer_from_memory(writing: Writing) -> bool:
    """Let the memory learn and answer; return whether it answered."""
    memory = _memory(writing)
    if memory is None:
        return False
    draft, now = writing.draft, writing.services.clock()
    earlier = {message.id for message in draft.path}
    taken = await writing.attempt(
        memory,
        lambda known: remembering.take(known, draft.question, earlier, now, new=draft.new),
        failures.no_memory,
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


async def known_facts(writing: Writing, generator: Generator) -> str:
    """Return what the model is told of the person, within its share of the window."""
    memory = _memory(writing)
    if memory is None:
        return ""
    share = generator.context_length * remembering.PROMPT_SHARE
    characters = int(share * remembering.CHARACTERS_PER_TOKEN)
    question, now = writing.draft.question.text, writing.services.clock()
    facts = await writing.attempt(
        memory,
        lambda known: known.relevant(question, now, characters=characters),
        failures.no_memory,
    )
    if not facts:
        return ""
    writing.reply.memories += len(facts)
    writing.emit(remembering.used_facts(facts))
    return remembering.facts_prompt(facts)


def _memory(writing: Writing) -> Lazy[Memory] | None:
    return writing.services.memory if writing.options.use_memory else None
