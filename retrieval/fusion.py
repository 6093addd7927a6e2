"""Reciprocal rank fusion: merge ranked lists by rank alone, scores being incomparable."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

RRF_K = 60  # the constant of Cormack, Clarke and Büttcher (SIGIR 2009)

_Item = TypeVar("_Item", bound=Hashable)


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[_Item]], weights: Sequence[float] | None = None
) -> list[tuple[_Item, float]]:
    """Return items with their fused scores, best first; ties keep the order of the first list.

    An item at rank r (from 1) of a list with weight w adds w / (60 + r).
    """
    scores: dict[_Item, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + weight / (RRF_K + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
