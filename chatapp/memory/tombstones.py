"""Tombstones: what was forgotten is recognised when it comes again, and told to nobody.

Each is a keyed hash of slot, key and value under a random salt of the file, so that the words
cannot be guessed from it without the file, and stand nowhere.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from chatapp.memory.dates import day_of_year
from chatapp.memory.normal import normalised
from chatapp.memory.slots import SLOTS, canonical_key
from chatapp.memory.types import Fact
from chatapp.memory.wording import forms

if TYPE_CHECKING:
    from sqlite_utils import Database

_REFUSED = "refused"  # in front of what is hashed; no slot is called so


def bury(db: Database, fact: Fact, now: str) -> None:
    """Leave a mark of the fact, and one of `Berlin` for `Berlin, Germany`."""
    for value in forms(fact.slot, fact.value):
        for mark in _marks(
            db, fact.slot, fact.fact_key, [normalised(value), *_day(fact.slot, value)]
        ):
            db.execute(
                "insert or ignore into memory_tombstones (hash, created_at) values (?, ?)",
                [mark, now],
            )


def is_buried(db: Database, slot: str, key: str, value: str) -> bool:
    """Return whether this was forgotten, for a slot of one value also in fewer words."""
    marks = _marks(db, slot, key, _forms(slot, value))
    return any(
        next(db.query("select 1 from memory_tombstones where hash = ?", [mark]), None)
        for mark in marks
    )


def has_any(db: Database) -> bool:
    """Return whether anything was ever forgotten, or refused, in this file."""
    return any(db.query("select 1 from memory_tombstones limit 1"))


def refuse(db: Database, fact: Fact, now: str) -> None:
    """Leave a mark of a doubt that the person said no to, so that it is not asked about again."""
    db.execute(
        "insert or ignore into memory_tombstones (hash, created_at) values (?, ?)",
        [_mark(db, _REFUSED, fact.slot, fact.fact_key, normalised(fact.value)), now],
    )


def was_refused(db: Database, slot: str, key: str, value: str) -> bool:
    """Return whether the person said no to this when it was asked about."""
    mark = _mark(db, _REFUSED, slot, key, normalised(value))
    return any(db.query("select 1 from memory_tombstones where hash = ?", [mark]))


def dig_up(db: Database, slot: str, key: str, value: str) -> None:
    """Remove the marks of a fact: the person wants it remembered after all."""
    for mark in _marks(db, slot, key, _forms(slot, value)):
        db.execute("delete from memory_tombstones where hash = ?", [mark])


def _marks(db: Database, slot: str, key: str, norms: Iterable[str]) -> Iterator[str]:
    """Yield marks under the key as it was said, and as it is compared: older ones lack that."""
    for norm in norms:
        for name in {key, canonical_key(key)}:
            yield _mark(db, slot, name, norm)


def _forms(slot: str, value: str) -> Iterator[str]:
    """Yield the value and, where a longer one only says it better, its beginnings."""
    words = normalised(value).split()
    shortest = 1 if SLOTS[slot].single else len(words)
    for length in range(min(shortest, len(words)), len(words) + 1):
        yield " ".join(words[:length])
    yield from _day(slot, value)


def _day(slot: str, value: str) -> Iterator[str]:
    """Yield a birthday as a day, however it is written."""
    if slot == "birthday" and (found := day_of_year(value)):
        yield f"{found[0]}-{found[1]}"


def _mark(db: Database, *parts: str) -> str:
    salt = next((row["salt"] for row in db.query("select salt from memory_salt")), None)
    if salt is None:
        salt = secrets.token_bytes(32)
        db.execute("insert into memory_salt (salt) values (?)", [salt])
    return hashlib.blake2b("\0".join(parts).encode(), key=salt, digest_size=32).hexdigest()
