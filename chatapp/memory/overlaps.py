"""What other facts keep of a forgotten one: the clause both were read from, and words of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from chatapp.memory import facts
from chatapp.memory.normal import normalised
from chatapp.memory.sameness import says_the_same
from chatapp.memory.types import Fact
from chatapp.memory.wording import Redact

if TYPE_CHECKING:
    from sqlite_utils import Database


def redact_others(
    db: Database,
    fact: Fact,
    values: Iterable[str],
    states: Callable[[str], bool],
    near: Redact,
    *,
    everywhere: bool,
) -> None:
    """Remove facts that say the same, and blank the words in what also states it.

    Args:
        db: the conversation file, or a copy of it.
        fact: what is forgotten.
        values: its values, now and before.
        states: whether a text states it.
        near: blanks its words beside a statement of it.
        everywhere: blank them in what all others were read from.
    """
    if "facts" not in db.table_names():
        return
    values = list(values)
    norms = {normalised(value) for value in values}
    for other in facts.select(db, "id <> ?", [fact.id]):
        if facts.same_place(other, fact) and any(
            says_the_same(fact.slot, other.value, value) for value in values
        ):
            facts.remove(db, other.id)
            continue
        shared = _share_words(fact, other) or states(other.source_text)
        changes: dict[str, Any] = {}
        if shared or everywhere:
            changes["source_text"] = near(other.source_text)
        # another value of the slot is a fact of its own, and so is an equal one of another slot
        if shared and other.slot != fact.slot and normalised(other.value) not in norms:
            changes["value"] = value = near(other.value)
            changes["norm"] = normalised(value)
        if changes:
            facts.update(db, other.id, **changes)


def _share_words(fact: Fact, other: Fact) -> bool:
    """Say whether both were read from one clause; of messages that are gone, by their words."""
    if fact.message_id is not None and other.message_id is not None:
        return fact.message_id == other.message_id and _overlap(fact, other)
    one, two = (f" {normalised(each.source_text)} " for each in (fact, other))
    return bool(one.strip() and two.strip()) and (one in two or two in one)


def _overlap(one: Fact, other: Fact) -> bool:
    return (one.start or 0) < (other.end or 0) and (other.start or 0) < (one.end or 0)
