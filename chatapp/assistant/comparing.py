"""Questions that set two things against each other, and what to say where no source compares them.

The thing to know: a passage that compares them goes first. Only where none is found is it looked up
what each of the two is; see `from_sources`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatapp.assistant.composing import Found, Part, compose
from retrieval.question import without_courtesy

NOT_COMPARED = "I found no source that compares the two. Of each by itself, this is said:"
NOT_DEFINED = "I did not find in the sources what this is."

_LONGEST = 200  # characters; a longer question asks for more than what differs
_MOST_WORDS = 6
_ONE, _OTHER = (rf"(?P<{name}>[^,.?!;:]{{1,60}}?)" for name in ("one", "other"))
_FORMS = [
    re.compile(rf"(?:{form})(?: please)?[ ?.!]*", re.IGNORECASE)
    for form in (
        r"(?:what(?:'s|s| is| are)? )?(?:the )?(?:main |key |basic |exact )?differences? between"
        rf" {_ONE} (?:and|&) {_OTHER}",
        rf"(?:please )?compare {_ONE} (?:and|with|to|vs\.?) {_OTHER}",
        rf"how (?:do|does) {_ONE} differ from {_OTHER}",
        rf"how (?:do|does) {_ONE} and {_OTHER} differ",
        rf"how (?:is|are) {_ONE} different (?:from|to|than) {_OTHER}",
        rf"{_ONE} (?:vs\.?|versus) {_OTHER}",
    )
]
# What names nothing by itself.
_POINTS = re.compile(
    r"(?:i|me|my|mine|you|your|yours|we|us|our|ours|he|him|his|she|her|hers|it|its|they|them|their"
    r"|this|that|these|those|both|one|other|the (?:two|one|other|first|second)"
    r"|who|what|which|when|where|why|how|is|are|was|were|do|does|did|can|should|will)\b",
    re.IGNORECASE,
)


def compared(question: str) -> tuple[str, str] | None:
    """Return the two things whose difference is asked for, None where it is not clear which."""
    line = " ".join(without_courtesy(question).replace("’", "'").split())
    if len(line) > _LONGEST:
        return None
    for form in _FORMS:
        if found := form.fullmatch(line):
            one, other = found["one"].strip(), found["other"].strip()
            return (one, other) if _are_two(one, other) else None
    return None


def compose_each(told: Sequence[tuple[str, Sequence[Found]]]) -> list[Part]:
    """Return the answer in parts: that nothing compares the things, then the quotes on each."""
    parts = [Part(NOT_COMPARED)]
    for thing, found in told:
        parts.append(Part(f"\n\n{thing[:1].upper()}{thing[1:]}: {'' if found else NOT_DEFINED}"))
        parts += compose("", found)
    return parts


def _are_two(one: str, other: str) -> bool:
    """Whether both name something: of "the price of tea and coffee" the second names no price."""
    if one.casefold() == other.casefold() or (" of " in one) != (" of " in other):
        return False
    return all(
        len(side.split()) <= _MOST_WORDS and not _POINTS.match(side) and " and " not in side
        for side in (one, other)
    )
