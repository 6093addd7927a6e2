"""How well one sentence supports a question: features, and a logistic that makes them a score.

The thing to know: the score is the estimated probability that the sentence holds the answer. The
weights are fitted, not felt: see `FITTED_ON`; `python -m retrieval.calibrate` prints new ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from retrieval.question import AnswerKind, Question
from retrieval.spans import spans_of_kind
from retrieval.terms import fold, words


class Features(NamedTuple):
    """What is known about one candidate sentence; every value lies between 0 and 1."""

    in_sentence: float  # share of the question's word rarity found in the sentence
    in_context: float  # … or in its passage, title or heading
    rarest: float  # whether the rarest word of the question is found at all
    pairs: float  # share of neighbouring question words that stand close in the sentence
    kind: float  # whether the sentence holds a new span of the expected kind
    rank: float  # 1 / rank of the passage
    novelty: float  # share of the sentence's words that the question does not say already


class Weights(NamedTuple):
    """One weight a feature."""

    in_sentence: float
    in_context: float
    rarest: float
    pairs: float
    kind: float
    rank: float
    novelty: float


BIAS = -6.0
WEIGHTS = Weights(2.2, 3.0, 0.5, 0.6, 0.9, 0.8, 0.6)


class Asked(NamedTuple):
    """A question with its stems and how much each of them tells."""

    question: Question
    stems: tuple[str, ...]
    rarity: Mapping[str, float]


def probability(features: Features) -> float:
    """Return the calibrated support, from 0 to 1."""
    total = BIAS + sum(w * f for w, f in zip(WEIGHTS, features, strict=True))
    return 1.0 / (1.0 + math.exp(-total))


def measure(
    asked: Asked, sentence: str, stems: Sequence[str], context: frozenset[str], rank: int
) -> Features:
    """Return the features of a sentence.

    `stems` are those of the sentence in order; `context` those of passage, title and heading.
    """
    present = frozenset(stems)
    known = frozenset(asked.stems)
    rarest = max(asked.stems, key=lambda stem: asked.rarity[stem], default="")
    return Features(
        in_sentence=_share(asked, present),
        in_context=_share(asked, present | context),
        rarest=float(rarest in present or rarest in context),
        pairs=_close_pairs(asked.stems, stems),
        kind=_kind_present(asked.question, sentence),
        rank=1.0 / rank,
        novelty=len(present - known) / max(1, len(present)),
    )


def _share(asked: Asked, present: frozenset[str]) -> float:
    total = sum(asked.rarity[stem] for stem in asked.stems)
    found = sum(asked.rarity[stem] for stem in asked.stems if stem in present)
    return found / total if total else 0.0


def _close_pairs(question: Sequence[str], sentence: Sequence[str], reach: int = 4) -> float:
    """Return the share of neighbouring question stems within `reach` words in the sentence."""
    places: dict[str, list[int]] = {}
    for place, stem in enumerate(sentence):
        places.setdefault(stem, []).append(place)
    pairs = list(pairwise(question))
    close = sum(
        any(abs(a - b) <= reach for a in places.get(left, ()) for b in places.get(right, ()))
        for left, right in pairs
    )
    return close / len(pairs) if pairs else 0.0


def _kind_present(question: Question, sentence: str) -> float:
    """Return 1 when a span of the expected kind says something the question does not."""
    if question.kind in (AnswerKind.OTHER, AnswerKind.MANNER):
        return 0.5  # these questions expect no particular kind of span
    asked = frozenset(question.words)
    for start, end in spans_of_kind(sentence, question.kind):
        if not asked.issuperset(fold(word) for word in words(sentence[start:end])):
            return 1.0
    return 0.0
