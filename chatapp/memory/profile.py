"""Profile: the facts a person told about themself, kept, closed, corrected and forgotten.

Facts come from three places only: rules over the person's own typed words (`learn`), a request
(`remember`), and a file the person imports. Closing keeps history ("where did I live before?");
forgetting removes every byte and leaves a salted hash, so that nothing brings the fact back but
the person's own wish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from chatapp.conversations import ConversationStore, Message, NotFound
from chatapp.memory import facts, tombstones
from chatapp.memory.coverage import is_covered
from chatapp.memory.extract import Candidate, extract
from chatapp.memory.learning import Learning, from_message, on_request
from chatapp.memory.normal import normalised
from chatapp.memory.redaction import without_buried
from chatapp.memory.secrets import holds_secret
from chatapp.memory.slots import SLOTS
from chatapp.memory.types import REMEMBERED, Fact, Learnt

if TYPE_CHECKING:
    from sqlite_utils import Database

LONGEST_NOTE = 500  # characters

Restored = Literal["added", "known", "forgotten"]


class SecretRefused(ValueError):
    """What was to be remembered holds a key, a password or a card number."""


class Profile:
    """The facts in the file of `store`. All methods block for one short transaction."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store
        self._learning = Learning(store)

    # Learning

    def learn(self, message: Message) -> list[Learnt]:
        """Store what the rules find in a message of the person's own; return what changed.

        Messages of other roles, of private conversations and clauses that hold a secret are left
        alone. What was forgotten stays forgotten.
        """
        if message.role != "user":
            return []
        found = [
            c for c in extract(message.text) if not holds_secret(message.text[c.start : c.end])
        ]
        if not found:
            return []

        def job(db: Database) -> list[Learnt]:
            if _is_private(db, message.conversation_id):
                return []
            changes = (self._learning.apply(db, c, from_message(message, c)) for c in found)
            return [change for change in changes if change is not None]

        return self._store.write(job)

    def remember(self, text: str) -> Learnt:
        """Store what the person asks to remember: what rules read, and a note of what they do not.

        Returns the note where one was kept, for it says everything, else the first fact; `closed`
        is what any of it ended.

        Raises:
            SecretRefused: it holds a key, a password or a card number.
            ValueError: it is empty or longer than LONGEST_NOTE.
        """
        text = " ".join(text.split())
        if not text or len(text) > LONGEST_NOTE:
            raise ValueError(f"a memory has 1 to {LONGEST_NOTE} characters, this has {len(text)}")
        if holds_secret(text):
            raise SecretRefused(
                "this looks like a password, key or card number; secrets are not remembered"
            )
        source, note = on_request(text), Candidate("note", "", text, 0, len(text), REMEMBERED)

        def job(db: Database) -> Learnt:
            found = extract(text)
            tried = [(each, self._learning.apply(db, each, source)) for each in found]
            changes = [change for _, change in tried if change is not None]
            # an end of nothing that is known says nothing
            read = [each for each, change in tried if change is not None or not each.closes]
            if not changes or not is_covered(text, read):
                kept = self._learning.apply(db, note, source)
                changes = [change for change in (kept, *changes) if change is not None]
            assert changes, "what is asked for is always stored"
            return replace(
                changes[0], closed=tuple(fact for change in changes for fact in change.closed)
            )

        return self._store.write(job, durable=True)

    def confirm(self, fact_id: str) -> Fact:
        """Believe a fact that waits for review and close what it contradicts. Raises NotFound."""

        def job(db: Database) -> Fact:
            fact = _in_review(db, fact_id)
            facts.close_others(db, fact, self._store.now())
            return facts.update(db, fact.id, status="active", confidence=1.0)

        return self._store.write(job)

    def reject(self, fact_id: str) -> Fact:
        """Drop a fact that waits for review: the older one holds. Raises NotFound.

        It is not asked about again when it is said with the same doubt; a hash is all that is kept.
        """

        def job(db: Database) -> Fact:
            fact = _in_review(db, fact_id)
            tombstones.refuse(db, fact, self._store.now())
            facts.remove(db, fact.id)
            return fact

        return self._store.write(job)

    def restore(self, exported: Iterable[Mapping[str, Any]]) -> list[Restored]:
        """Store exported facts as they were, in one transaction, and return what became of each.

        What is known or was forgotten is left as it is. A second value of a slot that holds one
        waits for review.
        """
        return self._store.write(lambda db: [self._restored(db, values) for values in exported])

    def _restored(self, db: Database, values: Mapping[str, Any]) -> Restored:
        slot, key, norm = (
            values["slot"],
            str(values.get("fact_key", "")),
            normalised(values["value"]),
        )
        if tombstones.is_buried(db, slot, key, values["value"]):
            return "forgotten"
        same = "select 1 from facts where slot = ? and fact_key = ? and norm = ?"
        if any(db.query(same, [slot, key, norm])):
            return "known"
        status = values.get("status", "active")
        status = status if status in ("closed", "expired", "review") else "active"
        if status == "active" and SLOTS[slot].one_value(key) and facts.held(db, slot, key):
            status = "review"
        db.table("facts").insert(
            {
                "id": self._store.unused_id(db),
                "slot": slot,
                "fact_key": key,
                "value": values["value"],
                "norm": norm,
                "status": status,
                "rule": str(values.get("rule", REMEMBERED)),
                "source_text": without_buried(db, str(values.get("source_text", ""))),
                "valid_from": values["valid_from"],
                "valid_to": values.get("valid_to"),
                "last_seen": self._store.now(),
                "pinned": int(bool(values.get("pinned"))),
            }
        )
        return "added"

    # Reading

    def facts(self, *, everything: bool = False) -> list[Fact]:
        """Return the facts in use and those that wait for review, oldest first.

        With `everything`, closed and expired ones too.
        """
        which = "1" if everything else "status in ('active', 'review')"
        return self._store.read(lambda db: facts.select(db, f"{which} order by key"))

    def fact(self, fact_id: str) -> Fact:
        """Return one fact. Raises NotFound."""
        return self._store.read(lambda db: facts.get(db, fact_id))

    def held(
        self, slot: str, key: str = "", *, before: bool = False, review: bool = False
    ) -> list[Fact]:
        """Return a slot's values that hold now, or with `before` that held; newest first.

        With `review` those that wait for an answer instead.
        """
        where = "slot = ? and status = ? order by coalesce(valid_to, valid_from) desc, key desc"
        values = [slot, "closed" if before else "review" if review else "active"]
        found = self._store.read(lambda db: facts.select(db, where, values))
        return facts.with_key(found, key) if key else found

    def learnt_from(self, conversation_id: str) -> list[Fact]:
        """Return the facts that were read from a conversation."""
        where = "conversation_id = ? order by key"
        return self._store.read(lambda db: facts.select(db, where, [conversation_id]))

    def learnt_in(self, message_id: str) -> list[Fact]:
        """Return the facts that were read from one message and are still known."""
        where = "message_id = ? order by key"
        return self._store.read(lambda db: facts.select(db, where, [message_id]))

    def used_in(self, message_id: str) -> list[Fact]:
        """Return the facts that took part in an answer and are still known."""
        where = "id in (select fact_id from fact_uses where message_id = ?) order by key"
        return self._store.read(lambda db: facts.select(db, where, [message_id]))

    # Changing

    def edit(self, fact_id: str, value: str) -> Fact:
        """Correct the value of a fact. Raises NotFound, SecretRefused, ValueError (empty)."""
        value = " ".join(value.split())
        if not value or len(value) > LONGEST_NOTE:
            raise ValueError(f"a value has 1 to {LONGEST_NOTE} characters")
        if holds_secret(value):
            raise SecretRefused("this looks like a password, key or card number")

        def job(db: Database) -> Fact:
            fact = facts.get(db, fact_id)
            tombstones.dig_up(db, fact.slot, fact.fact_key, value)
            return facts.change_value(db, fact, value, rule=REMEMBERED)

        return self._store.write(job, durable=True)

    def pin(self, fact_id: str, pinned: bool = True) -> Fact:
        """Put a fact before others whenever facts are chosen for a prompt. Raises NotFound."""

        def job(db: Database) -> Fact:
            facts.get(db, fact_id)
            return facts.update(db, fact_id, pinned=int(pinned))

        return self._store.write(job)

    def expire(self, fact_id: str) -> Fact:
        """Hide a fact without forgetting it. Raises NotFound."""

        def job(db: Database) -> Fact:
            fact = facts.get(db, fact_id)
            is_shown = fact.status == "active"
            return facts.update(db, fact.id, status="expired") if is_shown else fact

        return self._store.write(job)

    def show(self, fact_id: str) -> Fact:
        """Bring a hidden fact back; it closes what its slot held since. Raises NotFound."""

        def job(db: Database) -> Fact:
            fact = facts.get(db, fact_id)
            if fact.status != "expired":
                return fact
            facts.close_others(db, fact, self._store.now())
            return facts.update(db, fact.id, status="active")

        return self._store.write(job)

    def used(self, fact_ids: Iterable[str], answer_id: str | None = None) -> None:
        """Count that these facts took part in an answer, and note in which."""
        ids = list(fact_ids)
        if not ids:
            return

        def job(db: Database) -> None:
            for fact_id in ids:
                db.execute(
                    "update facts set use_count = use_count + 1, last_used = ? where id = ?",
                    [self._store.now(), fact_id],
                )
                if answer_id is not None:
                    db.execute(
                        "insert or ignore into fact_uses (message_id, fact_id) values (?, ?)",
                        [answer_id, fact_id],
                    )

        self._store.submit(job)

    def find(self, text: str) -> list[Fact]:
        """Return facts, of any status, whose id or words match `text`."""
        wanted = normalised(text)
        return [
            fact
            for fact in self.facts(everything=True)
            if fact.id == text.strip().upper()
            or (wanted and wanted in normalised(f"{fact.to_person()} {fact.value}"))
        ]

    def bury(self, db: Database, fact: Fact) -> None:
        """Remove a fact's row and leave a salted hash of it; `forgetting` removes its words.

        Nothing but the person's own wish (`remember`) brings it back: not its message when that is
        read again, not an import.
        """
        for value in (fact.value, *facts.earlier_values(db, fact)):
            tombstones.bury(db, replace(fact, value=value), self._store.now())
        facts.remove(db, fact.id)

    def earlier_values(self, fact: Fact) -> tuple[str, ...]:
        """Return what a fact was called before it was corrected or said more exactly."""
        return self._store.read(lambda db: facts.earlier_values(db, fact))


def _in_review(db: Database, fact_id: str) -> Fact:
    fact = facts.get(db, fact_id)
    if fact.status != "review":
        raise NotFound(f"That {fact.to_person()} does not wait for an answer.")
    return fact


def _is_private(db: Database, conversation_id: str) -> bool:
    query = "select private from conversations where id = ?"
    return any(row["private"] for row in db.query(query, [conversation_id]))
