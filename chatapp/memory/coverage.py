"""Whether facts that were read from a text hold all that it says.

The words of their values and keys, the words their slots are put into and small words say nothing
more; any other word does: "My wife Anna is allergic to nuts" is more than the name of a wife.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from chatapp.memory.extract import Candidate
from chatapp.memory.rules_file import language_of, load_rules
from chatapp.memory.slots import SLOTS

# what else people put around a fact
_AROUND = frozenset(
    re.findall(
        r"\w+",
        """
        moved born birthday grew lived living working based job currently now just enjoy hate
        prefer adore really also we our us he she they who which no don can please remember on
        called named come came originally eat
        bin ist habe heisse heisst wohne lebe arbeite als bei mag liebe und ich mein meine
        komme jahre alt geburtstag esse nenn
        """,
    )
)


def is_covered(text: str, found: Iterable[Candidate]) -> bool:
    """Say whether nothing is left of `text` but small words beside these facts."""
    left = set(_words(text)) - load_rules(language_of(text)).words - _AROUND
    for each in found:
        slot = SLOTS[each.slot]
        told = text[each.start : each.end] if each.closes else ""  # an end has a wording of its own
        left -= {*_words(f"{each.value} {each.key} {slot.name} {slot.you} {slot.user} {told}")}
    return not left


def _words(text: str) -> list[str]:
    """Return words in lower case; what stands behind an apostrophe is none: `wife's`, `don't`."""
    return re.findall(r"(?<!\w)(?<!\w['’])\w+", text.casefold())
