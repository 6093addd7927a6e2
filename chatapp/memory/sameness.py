"""When two values of a slot are one fact: what is learnt once is also forgotten at once."""

from __future__ import annotations

from chatapp.memory.dates import day_of_year
from chatapp.memory.normal import normalised, refines
from chatapp.memory.slots import SLOTS


def says_the_same(slot: str, one: str, other: str) -> bool:
    """Compare values of a slot; "May 5" and "5 May 1990" are one birthday.

    Where a slot holds one value a longer one says it more exactly; "coffee cake" is no "coffee".
    """
    if slot == "birthday" and (first := day_of_year(one)) and (second := day_of_year(other)):
        return first[:2] == second[:2] and (first[2] == second[2] or not first[2] or not second[2])
    a, b = normalised(one), normalised(other)
    return a == b or (SLOTS[slot].single and refines(a, b))
