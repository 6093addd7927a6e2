"""How much of a question a round holds: the weight of its words that were said, by their stems.

The thing to know: what the person said counts more than what was answered, a rare word more than a
common one, and the length of a round only breaks ties between alike ones: remembering is not
searching for the most typical text. From 0 (no word in common) to 1 (all of them, in the person's
own words). The three constants were chosen on the tuning part of the memory benchmark.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from retrieval.store.stemming import Stemmer
from retrieval.terms import fold

QUESTION_WORDS = 16  # a pasted page is a question too; its first words decide
_ANSWERED = 0.75  # what a word counts that stands only in the answer
_LENGTH = 0.25  # how much a long round is set back
_TYPICAL_SAID, _TYPICAL_ANSWERED = 12, 24  # words
_SHORTEST_PREFIX = 4  # letters; shorter beginnings of words fit too many others
_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """
        a about again ago all also am an and any are as at be because been before but by can could
        d did do does doing don earlier ever for from get got had has have he her here hers him his
        how i if in into is isn it its just know last like ll m me mention mentioned mine more most
        my of off oh on or our out really recall re remember remind s said say says she should so
        some such t talk talked tell than that the their them then there these they thing things
        think this those time to told too up us ve very was we were what when where which who whom
        whose why will with would yeah yes you your yours
        """,
    )
)


@dataclass(frozen=True)
class Term:
    """A content word of a question, folded: its stem, and what the index is asked for."""

    word: str
    stem: str
    match: str


class Weighed(NamedTuple):
    """What of a question a round holds, from 0 to 1, and how long it is, as a logarithm."""

    held: float
    length: float


class Weighing:
    """Cuts questions into terms and weighs rounds by them. Thread-safe."""

    def __init__(self) -> None:
        self._stemmer = Stemmer()

    def terms(self, question: str) -> list[Term]:
        """Return the distinct content words of a question; none of "what was it about?"."""
        folded = dict.fromkeys(fold(word) for word in _WORD.findall(question))
        words = [word for word in folded if word not in _STOP][:QUESTION_WORDS]
        stems = dict(zip(words, self._stemmer.stems(words), strict=True))
        return [Term(word, stem, _match(word, stem)) for word, stem in _distinct(stems)]

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Return where the words of a text begin and end, each with its stem."""
        found = list(_WORD.finditer(text))
        stems = self._stemmer.stems([fold(word.group()) for word in found])
        return [(*word.span(), stem) for word, stem in zip(found, stems, strict=True)]

    def stems(self, text: str) -> set[str]:
        """Return the stems of all words of a text."""
        return set(self._stemmer.stems({fold(word) for word in _WORD.findall(text)}))

    def weigh(
        self, terms: Sequence[Term], weights: Sequence[float], said: str, answered: str
    ) -> Weighed:
        """Return the share of the terms' weights that a round holds, and its length."""
        return weighed(terms, weights, self.stems(said), self.stems(answered))


def weighed(
    terms: Sequence[Term], weights: Sequence[float], own: Set[str], other: Set[str]
) -> Weighed:
    """Return the same of a round whose stems are known: of what was said, and of the answer."""
    held = (
        weight * (1.0 if term.stem in own else _ANSWERED if term.stem in other else 0.0)
        for term, weight in zip(terms, weights, strict=True)
    )
    length = math.log1p(len(own) / _TYPICAL_SAID + len(other) / _TYPICAL_ANSWERED)
    return Weighed(sum(held) / max(sum(weights), 1e-9) / (1 + _LENGTH * length), length)


def rarities(terms: Sequence[Term], count: Callable[[str], int], messages: int) -> list[float]:
    """Return the weight of each term: how rare it is among so many messages."""
    return [rarity(count(term.match), messages) for term in terms]


def rarity(found: int, messages: int) -> float:
    """Return the weight of a word that stands in `found` of so many messages."""
    return math.log(1 + (max(messages - found, 0) + 0.5) / (found + 0.5))


def _distinct(stems: dict[str, str]) -> list[tuple[str, str]]:
    """Return the first word of each stem with the stem."""
    first: dict[str, str] = {}
    for word, stem in stems.items():
        first.setdefault(stem, word)
    return [(word, stem) for stem, word in first.items()]


def _match(word: str, stem: str) -> str:
    """Return the full-text query for a word in all its forms: what they have in common, and on."""
    # Porter's stem of "families" is "famili", which is no beginning of "family"
    same = (a == b for a, b in zip(word, stem.removesuffix("i"), strict=False))
    prefix = word[: sum(takewhile(bool, same))]
    return f'"{prefix}"*' if len(prefix) >= _SHORTEST_PREFIX else f'"{word}"'
