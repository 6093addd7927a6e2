"""How well one sentence supports a question: features, and a logistic that makes them a score.

The thing to know: the score is the estimated probability that the sentence holds the answer. The
weights are fitted, not felt: `python -m retrieval.calibrate` fits and prints them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from retrieval.question import AnswerKind, Question, says_more
from retrieval.spans import spans_of_kind

_COPULA = re.compile(r"(?:\S+ ){1,12}?(?:(?:is|are|was|were) (?:an?|the|one|any|used)|can)\b")


class Features(NamedTuple):
    """What is known about one candidate sentence; every value lies between 0 and 1."""

    in_sentence: float  # share of the question's word rarity found in the sentence
    rest: float  # the same for the words that title and heading do not hold
    in_context: float  # … or in its passage, title or heading
    title: float  # … or in its title or heading
    rarest: float  # whether the rarest word of the question is found at all
    names: float  # share of the names in the question that are found at all
    pairs: float  # share of neighbouring question words that stand close in the sentence
    kind: float  # whether the sentence holds a new span of the expected kind
    rank: float  # 1 / rank of the passage
    novelty: float  # share of the sentence's words that the question does not say already
    defines: float  # whether it says what the thing is that the question asks to have defined


class Weights(NamedTuple):
    """One weight a feature."""

    in_sentence: float
    rest: float
    in_context: float
    title: float
    rarest: float
    names: float
    pairs: float
    kind: float
    rank: float
    novelty: float
    defines: float


# Fitted on 500 questions of t0-reading, squad-train-sample, covidqa and qed-dev, each once as it is
# and once with its answer taken out of an index of 105,187 passages (one Wikipedia shard and their
# paragraphs); held out on 500 others. No evaluation file took part. `novelty` is negative: it
# stands for length, and of two sentences that match as well the shorter one says it better.
# The fitted bias was -4.63; the rest puts the rules on the scale of rules and reader together
# (`retrieval.reading.judging`), so that one threshold answers as many questions with either.
BIAS = -4.63 + 1.1
WEIGHTS = Weights(
    in_sentence=0.406,
    rest=1.174,
    in_context=0.552,
    title=1.330,
    rarest=0.324,
    names=0.208,
    pairs=1.456,
    kind=0.897,
    rank=1.187,
    novelty=-1.331,
    defines=1.277,
)


class Asked(NamedTuple):
    """A question with its stems, how much each of them tells, and which of them are names."""

    question: Question
    stems: tuple[str, ...]
    rarity: Mapping[str, float]
    names: frozenset[str]


class Place(NamedTuple):
    """Where a sentence stands: the stems around it and how its passage ranked (from 1)."""

    title: frozenset[str]  # of title and heading
    passage: frozenset[str]
    rank: int
    opens_document: bool


def rules_logit(features: Features) -> float:
    """Return the logit of the support that the rules find."""
    return BIAS + sum(w * f for w, f in zip(WEIGHTS, features, strict=True))


def probability(features: Features) -> float:
    """Return the support, from 0 to 1."""
    return 1 / (1 + math.exp(-rules_logit(features)))


def measure(asked: Asked, sentence: str, stems: Sequence[str], place: Place) -> Features:
    """Return the features of a sentence; `stems` are its own, in order."""
    present = frozenset(stems)
    around = present | place.passage | place.title
    rarest = max(asked.stems, key=lambda stem: asked.rarity[stem], default="")
    return Features(
        in_sentence=_share(asked, present),
        rest=_share(asked, present, place.title),
        in_context=_share(asked, around),
        title=_share(asked, place.title),
        rarest=float(rarest in around),
        names=len(asked.names & around) / len(asked.names) if asked.names else 1.0,
        pairs=_close_pairs(asked.stems, stems),
        kind=_kind_present(asked.question, sentence),
        rank=1.0 / place.rank,
        novelty=len(present.difference(asked.stems)) / max(1, len(present)),
        defines=_defines(asked, sentence, stems, place),
    )


def _share(asked: Asked, present: frozenset[str], given: frozenset[str] = frozenset()) -> float:
    """Return the share of the question's rarity found in `present`, leaving out words `given`."""
    wanted = [stem for stem in asked.stems if stem not in given]
    total = sum(asked.rarity[stem] for stem in wanted)
    return sum(asked.rarity[stem] for stem in wanted if stem in present) / total if total else 0.0


def _defines(asked: Asked, sentence: str, stems: Sequence[str], place: Place) -> float:
    """Return 1 for "X is …" after "What is X?", a half for another opening of a document."""
    if not asked.question.asks_definition:
        return 0.0
    names_it_first = set(asked.stems) <= set(stems[: len(asked.stems) + 2])
    if names_it_first and _COPULA.match(sentence):
        return 1.0
    return 0.5 * place.opens_document


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
    return float(
        any(
            says_more(question, sentence[start:end])
            for start, end in spans_of_kind(sentence, question.kind)
        )
    )
