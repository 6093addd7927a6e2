"""What the reader says about a sentence, and the probability that it holds the answer.

The thing to know: the rules' features and the reader's are weighed together by one logistic, fitted
on questions that neither the network nor any measurement has seen (`python -m
retrieval.calibrate`), so a score is the estimated probability that the quote holds the answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from retrieval.question import AnswerKind
from retrieval.squad import normalise
from retrieval.support import rules_logit
from retrieval.types import Passage

if TYPE_CHECKING:
    from retrieval.reading.reader import Reading, SpanScore
    from retrieval.support import Features

_SCALE = 10.0  # logits are divided by it, and cut there
_LEAST = 1e-6


class Said(NamedTuple):
    """What the reader says about one sentence of one passage; every value from -1 to 1."""

    span: float  # logit of the best span in the sentence over "no answer"
    best: float  # whether that is the best span of the passage
    lead: float  # how far it is behind the best span of all passages
    relevance: float  # logit of the passage's relevance
    agreement: float  # best spans that say the same, less one, as a share of the other passages
    answered: float  # logit of any span of the passage over "no answer"


class Read(NamedTuple):
    """Readings of several passages for one question, with what they agree on."""

    readings: Sequence[Reading]
    votes: Counter[str]
    best: float  # logit of the best span of all


class Weights(NamedTuple):
    """How rules' and reader's features weigh, and how much the rules are doubted beside a reader.

    Answers from handbooks and notes, which the reader has never read, lean on the rules.
    """

    bias: float
    features: tuple[float, ...]
    doubt: float


# Fitted on held-out questions to learn from, with what `retrieval.calibrate` fits; the rules'
# weights were what was expected of the first eleven. SEARCHED: 576 questions (306 of them judged
# searches) among the passages that a search finds for them, and without those that answer, in an
# index of 592,672 passages; there a sentence that is not the best of its question counted a tenth,
# which `calibrate` does not do. ALONE: 780 beside one paragraph, half of which does not answer, and
# 250 beside the first passage found that does not. Among passages that a search brought up one asks
# which is the right one; of a text that was given, whether it says the answer at all. The biases
# were fitted as -1.665 and 0.25 and raised, so that about as much is shown of SQuAD as before.
# The doubts were chosen; for SEARCHED more would be better (2 or 3), but the handbook needs it.
SEARCHED = Weights(
    -0.865,
    (
        *(-1.139, 0.995, 1.043, 0.665, 0.474, -0.55, 0.823, 0.258, 0.462, -2.351, 0.473),
        *(2.653, -0.195, -0.272, 4.709, 3.043, -0.188),
    ),
    doubt=1.25,
)
ALONE = Weights(
    0.369,
    (
        *(0.308, 1.193, -1.517, 1.421, 0.062, -0.416, -0.27, 0.239, 1.614, -1.535, 0.449),
        *(2.486, -0.538, 2.151, 0.393, 1.177, 2.05),
    ),
    doubt=4.0,
)


def together(readings: Sequence[Reading], passages: Sequence[Passage]) -> Read:
    """Return the readings with the votes of their best spans."""
    votes = Counter(
        normalise(passage.text[reading.spans[0].start : reading.spans[0].end])
        for reading, passage in zip(readings, passages, strict=True)
        if reading.spans
    )
    best = max((reading.spans[0].score for reading in readings if reading.spans), default=-_SCALE)
    return Read(readings, votes, best)


def span_within(reading: Reading, start: int, end: int) -> SpanScore | None:
    """Return the best span that lies in characters `start` … `end` of its passage."""
    return next((span for span in reading.spans if start <= span.start and span.end <= end), None)


def said(read: Read, number: int, span: SpanScore | None, text: str) -> Said:
    """Return what the reader says about a sentence with `span` (its words are `text`)."""
    reading = read.readings[number]
    others = max(1, len(read.readings) - 1)
    return Said(
        span=_cut(span.score) if span else -1.0,
        best=float(span is not None and span == reading.spans[0]),
        lead=_cut(span.score - read.best) if span else -1.0,
        relevance=_cut(_logit(reading.relevance)),
        answered=_cut(-_logit(reading.no_answer)),
        agreement=(read.votes[normalise(text)] - 1) / others if span and text else 0.0,
    )


def probability(features: Features, heard: Said, kind: AnswerKind, *, alone: bool) -> float:
    """Return the estimated probability that the sentence holds the answer, from 0 to 1.

    `alone`: its passage is the only one that was read for the question.

    The surer of reader and rules counts: the reader has learnt from encyclopaedias and is doubtful
    of instructions. Of a question that no short span answers ("How do I …?") it has learnt next to
    nothing, so there the rules are not doubted.
    """
    # a passage that holds no word of the question was never given to answer it
    fitted = ALONE if alone and features.in_context > 0 else SEARCHED
    values = zip(fitted.features, (*features, *heard), strict=True)
    total = fitted.bias + sum(weight * value for weight, value in values)
    doubt = 0.0 if kind in (AnswerKind.MANNER, AnswerKind.REASON) else fitted.doubt
    return 1 / (1 + math.exp(-max(total, rules_logit(features) - doubt)))


# Fitted by `retrieval.calibrate`, on the best quote of each question.
_CERTAIN_BIAS, _CERTAIN_SCORE, _CERTAIN_CHANCE = -0.6, 0.711, 0.276


def certainty_features(score: float, chance: float) -> tuple[float, float]:
    """Return logits of a quote's score and of the reader's probability of its span."""
    return _logit(score), _logit(chance)


def certainty(score: float, chance: float) -> float:
    """Return the estimated probability that the span alone is a right answer, from 0 to 1."""
    of_quote, of_span = certainty_features(score, chance)
    logit = _CERTAIN_BIAS + _CERTAIN_SCORE * of_quote + _CERTAIN_CHANCE * of_span
    return 1 / (1 + math.exp(-logit))


def _logit(probability: float) -> float:
    inside = min(1 - _LEAST, max(_LEAST, probability))
    return math.log(inside / (1 - inside))


def _cut(logit: float) -> float:
    return max(-1.0, min(1.0, logit / _SCALE))
