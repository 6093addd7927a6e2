"""The memory's part in a turn: what was learnt, what is answered from it, what a prompt gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.assistant.events import MemoryProposed, MemoryUsed, UsedMemory
from chatapp.conversations import Message

if TYPE_CHECKING:
    from datetime import datetime

    from chatapp.memory import Fact, Learnt, Memory, Reply

PROMPT_SHARE = 0.1  # of the context window, for facts about the person
CHARACTERS_PER_TOKEN = 4  # English, roughly; only sizes the budget
_LONGEST_STATEMENT = 200  # characters; a longer message says more than its facts


@dataclass(frozen=True)
class Taken:
    """What the memory made of a message, in the order it is shown."""

    proposed: tuple[MemoryProposed, ...] = ()
    used: MemoryUsed | None = None
    text: str = ""
    found: bool = True


def take(
    memory: Memory, question: Message, earlier: set[str], now: datetime, *, new: bool
) -> Taken:
    """Learn from a new message and answer it if it only states or asks for what is remembered.

    `text` is empty when sources or the model shall answer. Blocking: call it in a worker thread.
    """
    learnt = memory.learn(question) if new else []
    proposed = tuple(_proposed(change) for change in learnt)
    reply = memory.reply(question.text, now, without=earlier)
    if reply is not None:
        return Taken(proposed, _used(reply), reply.text, reply.found)
    if learnt and len(question.text) <= _LONGEST_STATEMENT and "?" not in question.text:
        return Taken(proposed, text=_noted(learnt))
    return Taken(proposed)


def facts_prompt(facts: list[Fact]) -> str:
    """Return the lines that tell a model what the person told."""
    return "\n".join(fact.to_model() for fact in facts)


def used_facts(facts: list[Fact]) -> MemoryUsed:
    """Return the event that names the facts a prompt holds."""
    return MemoryUsed([UsedMemory(fact.id, fact.to_person(), fact.valid_from) for fact in facts])


def _proposed(change: Learnt) -> MemoryProposed:
    closed = [fact.to_person() for fact in change.closed]
    if change.fact is None:
        return MemoryProposed("", "", "closed", closed)
    return MemoryProposed(change.fact.id, change.fact.to_person(), change.fact.status, closed)


def _used(reply: Reply) -> MemoryUsed | None:
    if not reply.found:
        return None
    facts = [UsedMemory(fact.id, fact.to_person(), fact.valid_from) for fact in reply.facts]
    rounds = [UsedMemory(r.message_id, r.question, r.created_at) for r in reply.rounds]
    return MemoryUsed(facts + rounds)


def _noted(learnt: list[Learnt]) -> str:
    """Say back what was stored, what it ended, and what is asked about it."""
    parts = []
    for change in learnt:
        ended = "; no longer: ".join(["", *(fact.to_person() for fact in change.closed)])
        if change.fact is None:
            parts.append(f"Noted{ended}.".replace("; no", ": no", 1))
        elif change.asks:
            parts.append(
                f"You told me something else before. Is it right that {change.fact.to_person()}? "
                f"Say it again, or type /confirm {change.fact.id}."
            )
        else:
            parts.append(f"Noted: {change.fact.to_person()}{ended}.")
    return " ".join(parts)
