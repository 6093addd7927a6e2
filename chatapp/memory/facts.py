"""Rows of the table `facts`: reading, writing, ending. Every function works inside a transaction.

A fact is never overwritten by another: what no longer holds is closed and names its successor.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chatapp.conversations import NotFound
from chatapp.memory.normal import normalised
from chatapp.memory.sameness import says_the_same
from chatapp.memory.slots import SLOTS, canonical_key
from chatapp.memory.types import Fact

if TYPE_CHECKING:
    from sqlite_utils import Database

COLUMNS = (
    "id, slot, fact_key, value, status, rule, confidence, message_id, conversation_id, start, end, "
    "source_text, valid_from, valid_to, superseded_by, seen_count, last_seen, last_used, "
    "use_count, pinned"
)


def select(db: Database, where: str, values: Iterable[Any] = ()) -> list[Fact]:
    """Return the facts that fulfil an SQL condition, and its order if it names one."""
    rows = db.query(f"select {COLUMNS} from facts where {where}", list(values))
    return [Fact(**{**row, "pinned": bool(row["pinned"])}) for row in rows]


def get(db: Database, fact_id: str) -> Fact:
    """Return one fact. Raises NotFound."""
    for fact in select(db, "id = ?", [fact_id]):
        return fact
    raise NotFound(f"There is no memory {fact_id}.")


def update(db: Database, fact_id: str, **values: Any) -> Fact:
    """Change columns of a fact and return it."""
    names = ", ".join(f"{name} = :{name}" for name in values)
    db.execute(f"update facts set {names} where id = :id", {**values, "id": fact_id})
    return get(db, fact_id)


def held(db: Database, slot: str, key: str, *, review: bool = False) -> list[Fact]:
    """Return the facts of a slot that are active, with `review` also those that wait."""
    statuses = "('active', 'review')" if review else "('active')"
    found = select(db, f"slot = ? and status in {statuses} order by key", [slot])
    return with_key(found, key)


def with_key(found: Iterable[Fact], key: str) -> list[Fact]:
    """Return the facts under a key, however it is called there: `mum` and `mother` are one."""
    wanted = canonical_key(key)
    return [fact for fact in found if canonical_key(fact.fact_key) == wanted]


def same_place(one: Fact, other: Fact) -> bool:
    """Say whether two facts stand in one slot under one key, however that is called."""
    return one.slot == other.slot and bool(with_key([other], one.fact_key))


def close(db: Database, fact: Fact, now: str, successor: str | None = None) -> Fact:
    """End a fact: it held until now."""
    return update(db, fact.id, status="closed", valid_to=now, superseded_by=successor)


def close_others(db: Database, kept: Fact, now: str) -> list[Fact]:
    """End what `kept` takes the place of: where its slot holds one value, all its other facts."""
    if not SLOTS[kept.slot].one_value(kept.fact_key):
        return []
    others = [fact for fact in held(db, kept.slot, kept.fact_key) if fact.id != kept.id]
    return [close(db, fact, now, kept.id) for fact in others]


def remove(db: Database, fact_id: str) -> None:
    """Delete the row and what points to it. The words may stand elsewhere: see `forgetting`."""
    db.execute("delete from facts where id = ?", [fact_id])
    db.execute("update facts set superseded_by = null where superseded_by = ?", [fact_id])
    there = db.table_names()
    for table in ("fact_uses", "earlier_values"):
        if table in there:  # a copy may be older than that table
            db.execute(f"delete from {table} where fact_id = ?", [fact_id])


def change_value(db: Database, fact: Fact, value: str, **others: Any) -> Fact:
    """Give a fact another value; what it was called before is kept for when it is forgotten."""
    db.execute(
        "insert or ignore into earlier_values (fact_id, value) values (?, ?)",
        [fact.id, fact.value],
    )
    return update(db, fact.id, value=value, norm=normalised(value), **others)


def earlier_values(db: Database, fact: Fact) -> tuple[str, ...]:
    """Return the values that a fact had before it was changed, unless they are another's by now."""
    query = "select value from earlier_values where fact_id = ? order by rowid"
    others = [
        other.value
        for other in select(db, "slot = ? and id <> ?", [fact.slot, fact.id])
        if same_place(other, fact) and not says_the_same(fact.slot, other.value, fact.value)
    ]
    return tuple(
        row["value"]
        for row in db.query(query, [fact.id])
        if not any(says_the_same(fact.slot, other, row["value"]) for other in others)
    )
