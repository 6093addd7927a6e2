"""How much a passage says to a question: the reader's judgements and the search's, in one score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.reading.reader import Reading

# Fitted by `retrieval.calibrate` on held-out questions to learn from.
_BIAS, _RELEVANCE, _MARGIN, _RANK = 1.038, 0.369, 0.097, -0.918
_LEAST = 1e-6


def rank_features(reading: Reading, rank: int) -> tuple[float, float, float]:
    """Return logit of relevance, best span's margin, and log of the search's rank (from 1)."""
    relevance = min(1 - _LEAST, max(_LEAST, reading.relevance))
    margin = reading.spans[0].score if reading.spans else -10.0
    return math.log(relevance / (1 - relevance)), max(-10.0, min(10.0, margin)), math.log(rank)


def rank_score(reading: Reading, rank: int) -> float:
    """Return the probability that the passage holds the answer, from 0 to 1."""
    relevance, margin, place = rank_features(reading, rank)
    return 1 / (1 + math.exp(-(_BIAS + _RELEVANCE * relevance + _MARGIN * margin + _RANK * place)))
