"""Profile: the facts a person told about themself, kept, closed, corrected and forgotten.

Facts come from three places only: rules over the person's own typed words (`learn`), a request
(`remember`), and a file the person imports. Closing keeps history ("where did I live before?");
forgetting removes every byte and leaves a salted hash, so that nothing brings the fact back but
the person's own wish.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from chatapp.conversations import ConversationStore, Message, NotFound
from chatapp.memory.extract import Candidate, extract
from chatapp.memory.secrets import holds_secret
from chatapp.memory.slots import SLOTS
from chatapp.memory.types import REMEMBERED, Fact, Learnt

if TYPE_CHECKING:
    from sqlite_utils import Database

LONGEST_NOTE = 500  # characters
_COLUMNS = (
    "id, slot, fact_key, value, status, rule, confidence, message_id, conversation_id, start, end, "
    "source_text, valid_from, valid_to, superseded_by, seen_count, last_seen, last_used, "
    "use_count, pinned"
)


class SecretRefused(ValueError):
    """What was to be remembered holds a key, a password or a card number."""


class Profile:
    """The facts in the file of `store`. All methods block for one short transaction."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

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
            changes = (self._apply(db, candidate, message) for candidate in found)
            return [change for change in changes if change is not None]

        return self._store.write(job)

    def remember(self, text: str) -> Learnt:
        """Store what the person asks to remember: a fact if a rule reads it, else a note.

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
        found = extract(text) or [Candidate("note", "", text, 0, len(text), REMEMBERED)]

        def job(db: Database) -> Learnt:
            changes = [self._apply(db, c, None, clause=text, asked=True) for c in found]
            return next(change for change in changes if change is not None)

        return self._store.write(job, durable=True)

    def confirm(self, fact_id: str) -> Fact:
        """Believe a fact that waits for review; the one it contradicts is closed."""

        def job(db: Database) -> Fact:
            fact = _get(db, fact_id)
            self._close_others(db, fact.slot, fact.fact_key, fact.id)
            _update(db, fact.id, status="active")
            return _get(db, fact.id)

        return self._store.write(job)

    def restore(self, values: Mapping[str, Any]) -> Literal["added", "known", "forgotten"]:
        """Store an exported fact as it was, unless it is known or was forgotten."""
        key, norm = str(values.get("fact_key", "")), normalised(values["value"])

        def job(db: Database) -> Literal["added", "known", "forgotten"]:
            if _buried(db, self._hash(db, values["slot"], key, norm)):
                return "forgotten"
            same = "select 1 from facts where slot = ? and fact_key = ? and norm = ?"
            if any(db.query(same, [values["slot"], key, norm])):
                return "known"
            status = values.get("status", "active")
            db.table("facts").insert(
                {
                    "id": self._store.unused_id(db),
                    "slot": values["slot"],
                    "fact_key": key,
                    "value": values["value"],
                    "norm": norm,
                    "status": status if status in ("closed", "expired", "review") else "active",
                    "rule": str(values.get("rule", REMEMBERED)),
                    "source_text": str(values.get("source_text", "")),
                    "valid_from": values["valid_from"],
                    "valid_to": values.get("valid_to"),
                    "last_seen": self._store.now(),
                    "pinned": int(bool(values.get("pinned"))),
                }
            )
            return "added"

        return self._store.write(job)

    # Reading

    def facts(self, *, everything: bool = False) -> list[Fact]:
        """Return the facts in use and those that wait for review, oldest first.

        With `everything`, closed and expired ones too.
        """
        which = "1" if everything else "status in ('active', 'review')"
        query = f"select {_COLUMNS} from facts where {which} order by key"
        return self._store.read(lambda db: [_to_fact(row) for row in db.query(query)])

    def fact(self, fact_id: str) -> Fact:
        """Return one fact. Raises NotFound."""
        return self._store.read(lambda db: _get(db, fact_id))

    def held(self, slot: str, key: str = "", *, before: bool = False) -> list[Fact]:
        """Return a slot's values that hold now, or with `before` that held; newest first."""
        query = f"""
            select {_COLUMNS} from facts
            where slot = ? and (? = '' or fact_key = ?) and status = ?
            order by coalesce(valid_to, valid_from) desc, key desc
        """
        values = [slot, key, key, "closed" if before else "active"]
        return self._store.read(lambda db: [_to_fact(row) for row in db.query(query, values)])

    def learnt_from(self, conversation_id: str) -> list[Fact]:
        """Return the facts that were read from a conversation."""
        query = f"select {_COLUMNS} from facts where conversation_id = ? order by key"
        return self._store.read(
            lambda db: [_to_fact(row) for row in db.query(query, [conversation_id])]
        )

    # Changing

    def edit(self, fact_id: str, value: str) -> Fact:
        """Correct the value of a fact. Raises NotFound, SecretRefused, ValueError (empty)."""
        value = " ".join(value.split())
        if not value or len(value) > LONGEST_NOTE:
            raise ValueError(f"a value has 1 to {LONGEST_NOTE} characters")
        if holds_secret(value):
            raise SecretRefused("this looks like a password, key or card number")

        def job(db: Database) -> Fact:
            _get(db, fact_id)
            _update(db, fact_id, value=value, norm=normalised(value), rule=REMEMBERED)
            return _get(db, fact_id)

        return self._store.write(job, durable=True)

    def pin(self, fact_id: str, pinned: bool = True) -> Fact:
        """Put a fact before others whenever facts are chosen for a prompt. Raises NotFound."""

        def job(db: Database) -> Fact:
            _get(db, fact_id)
            _update(db, fact_id, pinned=int(pinned))
            return _get(db, fact_id)

        return self._store.write(job)

    def expire(self, fact_id: str) -> Fact:
        """Hide a fact without forgetting it. Raises NotFound."""

        def job(db: Database) -> Fact:
            _get(db, fact_id)
            _update(db, fact_id, status="expired")
            return _get(db, fact_id)

        return self._store.write(job)

    def used(self, fact_ids: Iterable[str]) -> None:
        """Count that these facts took part in an answer."""
        ids = list(fact_ids)

        def job(db: Database) -> None:
            for fact_id in ids:
                db.execute(
                    "update facts set use_count = use_count + 1, last_used = ? where id = ?",
                    [self._store.now(), fact_id],
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

    def forget(self, fact_id: str) -> Fact:
        """Remove a fact for good and leave a salted hash of it; return what it was.

        Nothing but the person's own wish (`remember`) brings it back: not its message when that is
        read again, not an import. Raises NotFound.
        """

        def job(db: Database) -> Fact:
            fact = _get(db, fact_id)
            self._bury(db, fact)
            db.execute("delete from facts where id = ?", [fact.id])
            db.execute("update facts set superseded_by = null where superseded_by = ?", [fact.id])
            return fact

        return self._store.write(job, durable=True)

    # Plumbing

    def _apply(
        self,
        db: Database,
        candidate: Candidate,
        message: Message | None,
        *,
        clause: str = "",
        asked: bool = False,
    ) -> Learnt | None:
        slot, norm = SLOTS[candidate.slot], normalised(candidate.value)
        if candidate.closes:
            closed = self._close(db, candidate, norm)
            return Learnt(None, tuple(closed)) if closed else None
        mark = self._hash(db, candidate.slot, candidate.key, norm)
        if asked:
            db.execute("delete from memory_tombstones where hash = ?", [mark])
        elif _buried(db, mark):
            return None
        known = self._known(db, candidate, norm)
        if known is not None:
            return self._seen_again(db, known, candidate)
        older = self._others(db, candidate) if slot.single else []
        asks = bool(older) and slot.stable and not asked
        fact = self._insert(
            db, candidate, norm, message, clause, status="review" if asks else "active"
        )
        if asks:
            return Learnt(fact, asks=True)
        ended = [
            self._end(db, old, fact.id) for old in [*older, *self._opposed(db, slot.opposite, norm)]
        ]
        return Learnt(fact, tuple(ended))

    def _known(self, db: Database, candidate: Candidate, norm: str) -> Fact | None:
        """Return the live fact that says the same, in the same or in more or fewer words."""
        for fact in self._others(db, candidate, review=True):
            held = normalised(fact.value)
            if held == norm:
                return fact
            if SLOTS[candidate.slot].single and _refines(held, norm):
                return fact
        return None

    def _seen_again(self, db: Database, known: Fact, candidate: Candidate) -> Learnt | None:
        values: dict[str, Any] = {
            "seen_count": known.seen_count + 1,
            "last_seen": self._store.now(),
        }
        if len(candidate.value) > len(known.value):  # "Berlin" became "Berlin, Germany"
            values |= {"value": candidate.value, "norm": normalised(candidate.value)}
        confirmed = known.status == "review"
        if confirmed:  # said twice: it is meant
            values["status"] = "active"
        _update(db, known.id, **values)
        fact = _get(db, known.id)
        if confirmed:
            return Learnt(fact, tuple(self._close_others(db, fact.slot, fact.fact_key, fact.id)))
        return Learnt(fact) if "value" in values or candidate.rule == REMEMBERED else None

    def _others(self, db: Database, candidate: Candidate, *, review: bool = False) -> list[Fact]:
        statuses = "('active', 'review')" if review else "('active')"
        query = f"""
            select {_COLUMNS} from facts
            where slot = ? and fact_key = ? and status in {statuses} order by key
        """
        return [_to_fact(row) for row in db.query(query, [candidate.slot, candidate.key])]

    def _opposed(self, db: Database, slot: str, norm: str) -> list[Fact]:
        query = f"select {_COLUMNS} from facts where slot = ? and norm = ? and status = 'active'"
        return [_to_fact(row) for row in db.query(query, [slot, norm])]

    def _close(self, db: Database, candidate: Candidate, norm: str) -> list[Fact]:
        return [
            self._end(db, fact, None)
            for fact in self._others(db, candidate)
            if not norm or normalised(fact.value) == norm or _refines(normalised(fact.value), norm)
        ]

    def _close_others(self, db: Database, slot: str, key: str, keep: str) -> list[Fact]:
        query = f"""
            select {_COLUMNS} from facts
            where slot = ? and fact_key = ? and id <> ? and status = 'active'
        """
        found = [_to_fact(row) for row in db.query(query, [slot, key, keep])]
        return [self._end(db, fact, keep) for fact in found]

    def _end(self, db: Database, fact: Fact, successor: str | None) -> Fact:
        _update(db, fact.id, status="closed", valid_to=self._store.now(), superseded_by=successor)
        return _get(db, fact.id)

    def _insert(
        self,
        db: Database,
        candidate: Candidate,
        norm: str,
        message: Message | None,
        clause: str,
        *,
        status: str,
    ) -> Fact:
        now = self._store.now()
        fact_id = self._store.unused_id(db)
        db.table("facts").insert(
            {
                "id": fact_id,
                "slot": candidate.slot,
                "fact_key": candidate.key,
                "value": candidate.value,
                "norm": norm,
                "status": status,
                "rule": candidate.rule,
                "message_id": message.id if message else None,
                "conversation_id": message.conversation_id if message else None,
                "start": candidate.start if message else None,
                "end": candidate.end if message else None,
                "source_text": message.text[candidate.start : candidate.end] if message else clause,
                "valid_from": message.created_at if message else now,
                "last_seen": now,
            }
        )
        return _get(db, fact_id)

    def _bury(self, db: Database, fact: Fact) -> None:
        mark = self._hash(db, fact.slot, fact.fact_key, normalised(fact.value))
        db.execute(
            "insert or ignore into memory_tombstones (hash, created_at) values (?, ?)",
            [mark, self._store.now()],
        )

    def _hash(self, db: Database, *parts: str) -> str:
        """Return a keyed hash of a fact: it recognises the fact and tells nobody what it was."""
        salt = next((row["salt"] for row in db.query("select salt from memory_salt")), None)
        if salt is None:
            salt = secrets.token_bytes(32)
            db.execute("insert into memory_salt (salt) values (?)", [salt])
        return hashlib.blake2b("\0".join(parts).encode(), key=salt, digest_size=32).hexdigest()


def normalised(text: str) -> str:
    """Return `text` as facts are compared: folded case, no accents, no punctuation, no articles."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    words = re.findall(r"\w+", letters)
    return " ".join(word for word in words if word not in ("the", "a", "an")) or " ".join(words)


def _refines(first: str, second: str) -> bool:
    """Say whether one is the beginning of the other, word for word: `berlin`, `berlin germany`."""
    a, b = first.split(), second.split()
    shorter = min(len(a), len(b))
    return shorter > 0 and a[:shorter] == b[:shorter]


def _is_private(db: Database, conversation_id: str) -> bool:
    query = "select private from conversations where id = ?"
    return any(row["private"] for row in db.query(query, [conversation_id]))


def _buried(db: Database, mark: str) -> bool:
    return any(db.query("select 1 from memory_tombstones where hash = ?", [mark]))


def _get(db: Database, fact_id: str) -> Fact:
    for row in db.query(f"select {_COLUMNS} from facts where id = ?", [fact_id]):
        return _to_fact(row)
    raise NotFound(f"There is no memory {fact_id}.")


def _update(db: Database, fact_id: str, **values: Any) -> None:
    names = ", ".join(f"{name} = :{name}" for name in values)
    db.execute(f"update facts set {names} where id = :id", {**values, "id": fact_id})


def _to_fact(row: dict[str, Any]) -> Fact:
    return Fact(**{**row, "pinned": bool(row["pinned"])})
