"""What other facts keep of a forgotten one: the clause both were read from, and words of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from chatapp.memory import facts
from chatapp.memory.normal import normalised
from chatapp.memory.types import Fact
from chatapp.memory.wording import Redact

if TYPE_CHECKING:
    from sqlite_utils import Database


def redact_others(
    db: Database,
    fact: Fact,
    values: Collection[str],
    states: Callable[[str], bool],
    near: Redact,
    anywhere: Redact,
) -> None:
    """Remove facts that say the same, and blank the words in the others.

    Args:
        db: the conversation file, or a copy of it.
        fact: what is forgotten.
        values: its values, now and before.
        states: whether a text states it.
        near: blanks its words beside a statement of it.
        anywhere: blanks what tells it wherever that stands.
    """
    if "facts" not in db.table_names():
        return
    norms = {normalised(value) for value in values}
    for other in facts.select(db, "id <> ?", [fact.id]):
        is_equal = normalised(other.value) in norms
        if is_equal and (other.slot, other.fact_key) == (fact.slot, fact.fact_key):
            facts.remove(db, other.id)
            continue
        shared = _share_words(fact, other) or states(other.source_text)
        changes: dict[str, Any] = {"source_text": (near if shared else anywhere)(other.source_text)}
        if shared and not is_equal:
            value = near(other.value)
            changes |= {"value": value, "norm": normalised(value)}
        facts.update(db, other.id, **changes)


def _share_words(fact: Fact, other: Fact) -> bool:
    one, two = fact.source_text, other.source_text
    return bool(one and two) and (one in two or two in one)
