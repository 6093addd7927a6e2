"""Questions that take something for granted, and whether the quotes found for them bear it out.

"When did Einstein invent the telephone?" says that Einstein invented the telephone. A quote that
gives a year for the telephone and never names Einstein answers another question; shown bare, it
would agree with the premise. The rules read one form only, an auxiliary followed by a proper name,
and stay silent where they are not sure: a right answer must not be talked away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.question import without_courtesy
from retrieval.types import Quote

# When, where, why, how, in which year: the answer lies outside of subject and predicate, so both
# are taken for granted. "Who …" and "What … is" ask for one of the two.
_MEASURED = r"many|much|long|often|old|far|tall|high|fast|big|deep"
_ASIDE = r"year|month|date|day|century|decade|city|town|country|state|place|continent|reason|age"
_ASKED = re.compile(
    r"(?:(?:in|on|at|for|from|to|by|with) )?"
    rf"(?:when|where|why|how(?: (?:{_MEASURED})(?: [a-z]+)?)?|(?:what|which) (?:{_ASIDE}))\s+"
    r"(?P<auxiliary>did|does|do|was|were|is|are|has|have|had)\s+"
    r"(?P<article>the\s+)?"
    r"(?P<subject>[A-Z][\w'’.-]*(?:\s+(?:(?:of|the|de|la|van|von|der|da|di|bin|ibn|al)\s+){0,2}"
    r"[A-Z][\w'’.-]*)*)\s+"
    r"(?P<predicate>[^?]+?)[?.!\s]*",
)
_NO_NAMES = {"i", "chatapp"}  # whoever asks, and the app, which its handbook calls by other words
_FIRST = re.compile(r"\w")
_LONGEST = 200  # characters; a longer question says more than one clause


@dataclass(frozen=True)
class Premise:
    """What a question takes for granted: that `subject` did or was what `predicate` says."""

    auxiliary: str
    subject: str
    predicate: str

    @property
    def clause(self) -> str:
        """Return it as a clause: "Einstein did invent the telephone"."""
        return f"{self.subject} {self.auxiliary} {self.predicate}"


def premise_of(question: str) -> Premise | None:
    """Return what a question takes for granted of somebody or something that it names."""
    line = " ".join(without_courtesy(question).replace("’", "'").split())
    line = _FIRST.sub(lambda found: found[0].lower(), line, count=1)
    found = _ASKED.fullmatch(line) if len(line) <= _LONGEST else None
    if found is None:
        return None
    if found["subject"].lower() in _NO_NAMES:
        return None
    subject = f"{found['article'] or ''}{found['subject']}"
    return Premise(found["auxiliary"], " ".join(subject.split()), found["predicate"].strip())


def bears_out(premise: Premise, quote: Quote, around: str) -> bool:
    """Return whether a quote can be about the premise at all: it names whom it speaks of.

    `around` is the text that the quote stands in: a page on Einstein says "he" further down. The
    subject counts as named by any of its longer words, so "Albert Einstein" and "Einstein" agree.
    """
    named = _words(f"{quote.title} {around} {quote.text}")
    return any(_forms(word, named) for word in _telling(premise.subject))


def contradicted(premise: Premise, quotes: Sequence[Quote], around: Sequence[str]) -> bool:
    """Return whether no quote bears the premise out, although they speak of what it is about.

    They do where one of them holds the words of the predicate that carry it.
    """
    if not quotes or any(
        bears_out(premise, quote, text) for quote, text in zip(quotes, around, strict=True)
    ):
        return False
    said = _telling(premise.predicate)
    return bool(said) and any(
        sum(_forms(word, _words(quote.text)) for word in said) >= _SPOKEN_OF * len(said)
        for quote in quotes
    )


_SPOKEN_OF = 0.6  # share of the predicate's words; fewer, and the quotes are on something else
_SHORTEST = 4
_STEM = 5  # letters that forms of one word share: "invent", "invented", "invention"


def _telling(text: str) -> list[str]:
    """Return the words that carry a name or a predicate."""
    from retrieval.terms import content_words

    words = content_words(text)
    return [word for word in words if len(word) >= _SHORTEST] or words


def _words(text: str) -> set[str]:
    from retrieval.terms import fold, words

    return {fold(word) for word in words(text)}


def _forms(word: str, among: set[str]) -> bool:
    return word in among or any(other[:_STEM] == word[:_STEM] for other in among if len(word) > 4)
