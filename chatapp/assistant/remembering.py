"""The memory's part in a turn: what was learnt, what is answered from it, what a prompt gets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.assistant.events import MemoryProposed, MemoryUsed, UsedMemory
from chatapp.assistant.instructions import Piece

if TYPE_CHECKING:
    from datetime import datetime

    from chatapp.assistant.drafts import Draft
    from chatapp.conversations.seen import ToldFact
    from chatapp.memory import Fact, Learnt, Memory, Reply, Round

PROMPT_SHARE = 0.1  # of the context window, for what is remembered
MOST_ITEMS = 8
DROPPED_ROUNDS = 3  # of those items, at most, may be rounds that fell out of the window
_LONGEST_STATEMENT = 200  # characters; a longer message says more than its facts
_LONGEST_QUOTE = 160  # characters of each side of a round
_SHORT_ID = 6  # the last characters of an id tell one person's memories apart
_HEAD = "Remembered of the user (id, day):"


@dataclass(frozen=True)
class Taken:
    """What the memory made of a message, in the order it is shown."""

    proposed: tuple[MemoryProposed, ...] = ()
    used: MemoryUsed | None = None
    text: str = ""
    found: bool = True


@dataclass(frozen=True)
class Item:
    """One thing remembered for a prompt: a fact, or a round that fell out of the window."""

    used: UsedMemory
    line: str
    fact: ToldFact | None = None


def take(memory: Memory, draft: Draft, now: datetime) -> Taken:
    """Learn from a new message and answer it if it only states or asks for what is remembered.

    `text` is empty when sources or the model shall answer. Blocking: call it in a worker thread.
    """
    question = draft.question
    learnt = memory.learn(question) if draft.new else []
    proposed = tuple(_proposed(change) for change in learnt)
    reply = memory.reply(question.text, now, without={question.id})
    if reply is not None:
        _note_use(memory, draft, [*_changed(learnt), *reply.facts])
        return Taken(proposed, _used(reply), reply.text, reply.found)
    if learnt and len(question.text) <= _LONGEST_STATEMENT and "?" not in question.text:
        _note_use(memory, draft, _changed(learnt))
        return Taken(proposed, text=_noted(learnt))
    return Taken(proposed)


def items_for_prompt(
    memory: Memory, draft: Draft, seen: Collection[str], now: datetime
) -> list[Item]:
    """Return what the model is told beside the conversation, most relevant first. Blocking.

    `seen` are ids of the messages that its window still holds; rounds before them are recalled.
    """
    question = draft.question.text
    facts = [_fact_item(fact) for fact in memory.relevant(question, now, limit=MOST_ITEMS)]
    lost = any(message.id not in seen for message in draft.path)
    rounds = (
        memory.dropped(question, now, draft.conversation_id, seen, limit=DROPPED_ROUNDS)
        if lost
        else []
    )
    return [*facts[: MOST_ITEMS - len(rounds)], *map(_round_item, rounds)]


def as_prompt(items: Sequence[Item]) -> Piece:
    """Return the lines for the system message; empty without items."""
    text = "\n".join([_HEAD, *(item.line for item in items)]) if items else ""
    facts = tuple(item.fact for item in items if item.fact is not None)
    return Piece(text, told=True, facts=facts)


def note_used(memory: Memory, draft: Draft, items: Sequence[Item]) -> None:
    """Count the facts among the items as used in this answer. Blocking."""
    facts = [item.fact[0] for item in items if item.fact is not None]
    memory.profile.used(facts, draft.message.id)


def _fact_item(fact: Fact) -> Item:
    head = f"- [{fact.id[-_SHORT_ID:]}, {fact.valid_from[:10]}]"
    used = UsedMemory(fact.id, fact.to_person(), fact.valid_from)
    told = (fact.id, fact.slot, fact.fact_key, fact.value)
    return Item(used, f"{head} {fact.to_model()}", told)


def _round_item(found: Round) -> Item:
    head = f"- [{found.message_id[-_SHORT_ID:]}, {found.created_at[:10]}]"
    used = UsedMemory(found.message_id, found.question, found.created_at)
    said = f"{head} The user wrote: {_short(found.question)} You answered: {_short(found.answer)}"
    return Item(used, said)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_QUOTE else flat[: _LONGEST_QUOTE - 1].rstrip() + "…"


def _changed(learnt: Sequence[Learnt]) -> list[Fact]:
    """Return all facts that an answer about these changes names."""
    return [fact for change in learnt for fact in (change.fact, *change.closed) if fact is not None]


def _note_use(memory: Memory, draft: Draft, facts: Sequence[Fact]) -> None:
    memory.profile.used([fact.id for fact in facts], draft.message.id)


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
            why = "I am not sure" if change.doubtful else "You told me something else before"
            again = "plainly" if change.doubtful else "again"
            parts.append(
                f"{why}. Is it right that {change.fact.to_person()}? "
                f"Say it {again}, or type /confirm {change.fact.id}."
            )
        else:
            parts.append(f"Noted: {change.fact.to_person()}{ended}.")
    return " ".join(parts)
