"""How much a passage says to a question: the reader's judgements and the search's, in one score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from retrieval.reading.reader import Reading
    from retrieval.types import Hit

# Fitted by `retrieval.calibrate` on held-out questions to learn from.
# The rank itself is left out, and so are title and place in the document: beside these they gain
# nothing.
_BIAS, _WEIGHTS = -2.182, (0.356, 0.273, 0.65, 1.035)
_LEAST = 1e-6


class Known(NamedTuple):
    """What reader and search say of one hit."""

    relevance: float  # logit
    answered: float  # logit of any span over "no answer"
    words: float  # the score of its words as a share of the best hit's, 0 where they brought none
    meaning: float  # the same of its nearness in meaning


def known(hits: Sequence[Hit], readings: Sequence[Reading]) -> Iterator[Known]:
    """Yield what is known of each hit; both in the order of the search."""
    best = max((hit.lexical_score or 0.0 for hit in hits), default=0.0) or 1.0
    nearest = max((hit.dense_score or 0.0 for hit in hits), default=0.0) or 1.0
    for hit, reading in zip(hits, readings, strict=True):
        relevance = min(1 - _LEAST, max(_LEAST, reading.relevance))
        no_answer = min(1 - _LEAST, max(_LEAST, reading.no_answer))
        yield Known(
            math.log(relevance / (1 - relevance)),
            max(-10.0, min(10.0, math.log((1 - no_answer) / no_answer))),
            (hit.lexical_score or 0.0) / best,
            (hit.dense_score or 0.0) / nearest,
        )


def rank_scores(hits: Sequence[Hit], readings: Sequence[Reading]) -> list[float]:
    """Return the probability that each hit holds the answer, from 0 to 1."""
    logits = [
        _BIAS + sum(w * f for w, f in zip(_WEIGHTS, one, strict=True))
        for one in known(hits, readings)
    ]
    return [1 / (1 + math.exp(-logit)) for logit in logits]
