"""What one statement does to the profile: a new fact, the end of an old one, a question, a count.

A slot of one value closes what it held. What contradicts something that does not change in a life,
and what was said with a doubt, is asked about once; said again it is meant. The same said again is
counted, and a longer form of it kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chatapp.conversations import ConversationStore, Message
from chatapp.memory import facts, tombstones
from chatapp.memory.dates import day_of_year
from chatapp.memory.extract import Candidate
from chatapp.memory.normal import normalised, refines
from chatapp.memory.sameness import says_the_same
from chatapp.memory.slots import SLOTS
from chatapp.memory.types import Fact, Learnt

if TYPE_CHECKING:
    from sqlite_utils import Database

_DOUBTED = 0.5  # confidence in what was said with a doubt, until it is said again or confirmed


@dataclass(frozen=True)
class Source:
    """Where a statement comes from: a message, or with `asked` the person's wish to remember."""

    clause: str
    message: Message | None = None
    asked: bool = False


class Learning:
    """Applies statements to the facts in the file of `store`, inside the caller's transaction."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    def apply(self, db: Database, candidate: Candidate, source: Source) -> Learnt | None:
        """Return what the statement changed, or None."""
        if candidate.closes:
            closed = self._close(db, candidate) or self._ended_before(db, candidate, source)
            return Learnt(None, tuple(closed)) if closed else None
        if source.asked:
            tombstones.dig_up(db, candidate.slot, candidate.key, candidate.value)
        elif tombstones.is_buried(db, candidate.slot, candidate.key, candidate.value):
            return None
        known = self._known(db, candidate)
        if known is None and not self._was_refused(db, candidate, source):
            return self._new(db, candidate, source)
        if known is None or candidate.doubtful:
            return None  # it is known, or was asked about already
        return self._said_again(db, known, candidate, source)

    def _was_refused(self, db: Database, candidate: Candidate, source: Source) -> bool:
        """Say whether the person said no to this doubt before; said plainly it is heard again."""
        where = (candidate.slot, candidate.key, candidate.value)
        return candidate.doubtful and not source.asked and tombstones.was_refused(db, *where)

    def _new(self, db: Database, candidate: Candidate, source: Source) -> Learnt:
        slot = SLOTS[candidate.slot]
        one = slot.one_value(candidate.key)
        older = facts.held(db, candidate.slot, candidate.key) if one else []
        asks = not source.asked and (candidate.doubtful or (bool(older) and slot.stable))
        fact = self._insert(db, candidate, source, status="review" if asks else "active")
        if asks:
            return Learnt(fact, asks=True, doubtful=candidate.doubtful)
        ended = [*older, *self._opposed(db, candidate)]
        return Learnt(
            fact, tuple(facts.close(db, old, self._store.now(), fact.id) for old in ended)
        )

    def _known(self, db: Database, candidate: Candidate) -> Fact | None:
        """Return the live fact that says the same, in the same or in more or fewer words."""
        for fact in facts.held(db, candidate.slot, candidate.key, review=True):
            if says_the_same(candidate.slot, fact.value, candidate.value):
                return fact
        return None

    def _said_again(
        self, db: Database, known: Fact, candidate: Candidate, source: Source
    ) -> Learnt | None:
        now = self._store.now()
        changes: dict[str, Any] = {"seen_count": known.seen_count + 1, "last_seen": now}
        changes |= {"status": "active", "confidence": 1.0}
        longer = _tells_more(candidate, known)
        if longer:
            fact = facts.change_value(db, known, candidate.value, **changes)
        else:
            fact = facts.update(db, known.id, **changes)
        if known.status == "review":  # said twice: it is meant
            return Learnt(fact, tuple(facts.close_others(db, fact, now)))
        if SLOTS[fact.slot].one_value(fact.fact_key):
            self._drop_doubts(db, fact)
        return Learnt(fact) if longer or source.asked else None

    def _drop_doubts(self, db: Database, fact: Fact) -> None:
        """The older value was said again: what contradicted it was a slip."""
        for doubt in facts.held(db, fact.slot, fact.fact_key, review=True):
            if doubt.status == "review":
                facts.remove(db, doubt.id)

    def _opposed(self, db: Database, candidate: Candidate) -> list[Fact]:
        """Return the active facts that a new one contradicts: what is liked was disliked."""
        slot, norm = SLOTS[candidate.slot].opposite, normalised(candidate.value)
        where = "slot = ? and norm = ? and status = 'active'"
        return facts.select(db, where, [slot, norm]) if slot else []

    def _close(self, db: Database, candidate: Candidate) -> list[Fact]:
        norm = normalised(candidate.value)
        return [
            facts.close(db, fact, self._store.now())
            for fact in facts.held(db, candidate.slot, candidate.key)
            if not norm or refines(normalised(fact.value), norm)
        ]

    def _ended_before(self, db: Database, candidate: Candidate, source: Source) -> list[Fact]:
        """Keep what was never known to hold as history: "I moved from Leeds to Bristol"."""
        where = (candidate.slot, candidate.key, candidate.value)
        named = SLOTS[candidate.slot].single and candidate.value and not source.asked
        if not named or tombstones.is_buried(db, *where):
            return []
        same = "slot = ? and fact_key = ? and norm = ?"
        if facts.select(db, same, [*where[:2], normalised(candidate.value)]):
            return []  # it ended with what took its place
        fact = self._insert(db, candidate, source, status="closed")
        return [facts.close(db, fact, self._store.now())]

    def _insert(self, db: Database, candidate: Candidate, source: Source, *, status: str) -> Fact:
        fact_id, now, message = self._store.unused_id(db), self._store.now(), source.message
        db.table("facts").insert(
            {
                "id": fact_id,
                "slot": candidate.slot,
                "fact_key": candidate.key,
                "value": candidate.value,
                "norm": normalised(candidate.value),
                "status": status,
                "rule": candidate.rule,
                "confidence": _DOUBTED if candidate.doubtful else 1.0,
                "message_id": message.id if message else None,
                "conversation_id": message.conversation_id if message else None,
                "start": candidate.start if message else None,
                "end": candidate.end if message else None,
                "source_text": source.clause,
                "valid_from": message.created_at if message else now,
                "last_seen": now,
            }
        )
        return facts.get(db, fact_id)


def _tells_more(said: Candidate, known: Fact) -> bool:
    """Say whether a value holds more than the one known: "Berlin" became "Berlin, Germany"."""
    if said.slot == "birthday" and (day := day_of_year(known.value)) and day_of_year(said.value):
        return not day[2] and day_of_year(said.value) != day
    return len(said.value) > len(known.value)


def from_message(message: Message, candidate: Candidate) -> Source:
    """Return the place a candidate was read from."""
    return Source(message.text[candidate.start : candidate.end], message)


def on_request(text: str) -> Source:
    """Return the source of what a person asked to remember."""
    return replace(Source(text), asked=True)
