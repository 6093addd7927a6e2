"""Blend two ranked lists with scores into one: by scores (fitted) or by ranks (no labels needed).

The thing to know: the convex blend of scores is what hybrid search uses. It keeps by how much a hit
leads, which ranks forget (Bruch et al. 2023, arXiv 2210.11934); both are measured side by side by
`chatapp eval retrieval`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Scores = Mapping[int, float]
Fuse = Callable[[Scores, Scores], list[tuple[int, float]]]

DEPTH = 100  # candidates a route
RRF_K = 60  # the constant of Cormack, Clarke and Büttcher (2009)
DENSE_SHARE = 0.7  # by `retrieval.fit_fusion`, 200 learning questions of each of four files


def blend(lexical: Scores, dense: Scores, share: float = DENSE_SHARE) -> list[tuple[int, float]]:
    """Return (item, score), best first: the convex sum of lexical score and cosine.

    The lexical score is taken as a share of the best one, which BM25 leaves unbounded. An item that
    one route did not return gets the least score that route gave to any; but where full text found
    fewer than it was asked for, what it did not return holds no word of the query at all.
    """
    best = max(lexical.values(), default=0.0) or 1.0
    least_lexical = min(lexical.values()) if len(lexical) >= DEPTH else 0.0
    least_dense = min(dense.values(), default=0.0)
    return _ranked(
        {
            item: (1 - share) * lexical.get(item, least_lexical) / best
            + share * dense.get(item, least_dense)
            for item in {**lexical, **dense}
        }
    )


def reciprocal_rank(lexical: Scores, dense: Scores) -> list[tuple[int, float]]:
    """Return (item, score), best first: the sum of 1 / (60 + rank) over the routes."""
    scores: dict[int, float] = {}
    for route in (lexical, dense):
        for rank, (item, _) in enumerate(_ranked(route), 1):
            scores[item] = scores.get(item, 0.0) + 1 / (RRF_K + rank)
    return _ranked(scores)


def _ranked(scores: Scores) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda pair: -pair[1])
