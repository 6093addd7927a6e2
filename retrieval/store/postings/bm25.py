"""BM25 over segments, equal to FTS5's: Robertson's formula, k1 = 1.2, b = 0.75.

The thing to know: stems are taken rarest first, and as soon as what the remaining common ones can
add is less than the k-th best score so far, no passage that has only those can come among the first
k. They are then only looked up for the passages still in the running (MaxScore: Turtle and Flood,
1995). The result is that of reading everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.store.postings.segment import Segment
from retrieval.store.protocol import Scored

if TYPE_CHECKING:
    from numpy.typing import NDArray

K1 = 1.2
B = 0.75
_LEAST_IDF = 1e-6  # what FTS5 gives a stem that more than half of all passages have


class Stored(NamedTuple):
    """A segment as it stands now."""

    segment: Segment
    alive: NDArray[np.bool_] | None  # (n,) which passages are not removed, None for all
    wanted: NDArray[np.bool_] | None  # (n,) which are in scope, None for all


class _Term(NamedTuple):
    slots: NDArray[np.uint32]
    counts: NDArray[np.uint8]
    weight: float


def frequencies(stored: Sequence[Stored], stems: Sequence[str]) -> dict[str, int]:
    """Return in how many living passages each stem occurs."""
    return {stem: sum(_frequency(each, stem) for each in stored) for stem in stems}


def search(stored: Sequence[Stored], stems: Sequence[str], k: int) -> list[Scored]:
    """Return the `k` best passages, best first, of equal ones the older first."""
    passages, words = _totals(stored)
    if not passages or not words or k <= 0:
        return []
    weights = {
        stem: times * idf(passages, count)
        for (stem, times), count in zip(
            Counter(stems).items(), frequencies(stored, list(Counter(stems))).values(), strict=True
        )
        if count
    }
    found: list[Scored] = []
    for each in stored:
        found += _search_segment(each, weights, words / passages, k)
    return sorted(found, key=lambda hit: (-hit.score, hit.passage))[:k]


def idf(passages: int, frequency: int) -> float:
    """Return the weight of a stem that `frequency` of the passages have."""
    return max(float(np.log((passages - frequency + 0.5) / (frequency + 0.5))), _LEAST_IDF)


def _totals(stored: Sequence[Stored]) -> tuple[int, int]:
    """Return how many living passages there are and how many words they have."""
    passages = words = 0
    for segment, alive, _ in stored:
        lengths = segment.parts.lengths if alive is None else segment.parts.lengths[alive]
        passages += len(lengths)
        words += int(lengths.sum(dtype=np.int64))
    return passages, words


def _frequency(stored: Stored, stem: str) -> int:
    number = stored.segment.find(stem)
    if number < 0:
        return 0
    if stored.alive is None:
        return stored.segment.frequency(number)
    return int(np.count_nonzero(stored.alive[stored.segment.postings(number)[0]]))


def _search_segment(
    stored: Stored, weights: dict[str, float], average: float, k: int
) -> list[Scored]:
    terms = _terms(stored, weights)
    if not terms:
        return []
    lengths = stored.segment.parts.lengths
    slots, scores = _scores(terms, lengths, average, k)
    best = _best(slots, scores, k)
    ids = stored.segment.parts.ids
    return [Scored(int(ids[slots[place]]), float(scores[place])) for place in best]


def _terms(stored: Stored, weights: dict[str, float]) -> list[_Term]:
    """Return the postings in scope of the stems that occur, those that can add most first."""
    keep = _both(stored.alive, stored.wanted)
    terms: list[_Term] = []
    for stem, weight in weights.items():
        number = stored.segment.find(stem)
        if number < 0:
            continue
        slots, counts = stored.segment.postings(number)
        if keep is not None:
            kept = keep[slots]
            slots, counts = slots[kept], counts[kept]
        if len(slots):
            terms.append(_Term(slots, counts, weight))
    return sorted(terms, key=lambda term: -term.weight)


def _scores(
    terms: list[_Term], lengths: NDArray[np.uint16], average: float, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return slots, ascending, with their full scores; the best k are among them."""
    slots = np.zeros(0, dtype=np.int64)
    scores = np.zeros(0)
    remaining = (K1 + 1) * sum(term.weight for term in terms)
    for term in terms:
        least = -np.inf if len(scores) < k else float(np.partition(scores, -k)[-k])
        keep = scores + remaining >= least
        slots, scores = slots[keep], scores[keep]
        if remaining < least:
            _look_up(term, slots, scores, lengths, average)
        else:
            slots, scores = _added(term, slots, scores, lengths, average)
        remaining -= (K1 + 1) * term.weight
    return slots, scores


def _added(
    term: _Term,
    slots: NDArray[np.int64],
    scores: NDArray[np.float64],
    lengths: NDArray[np.uint16],
    average: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the union of what was scored and the passages of a term."""
    own = term.slots.astype(np.int64)
    gained = _gain(term.weight, term.counts, lengths[own], average)
    if not len(slots):
        return own, gained
    place = np.searchsorted(own, slots)
    place[place == len(own)] = 0
    known = own[place] == slots
    gained[place[known]] += scores[known]
    old = ~known
    union = np.concatenate([own, slots[old]])
    order = np.argsort(union, kind="stable")
    return union[order], np.concatenate([gained, scores[old]])[order]


def _look_up(
    term: _Term,
    slots: NDArray[np.int64],
    scores: NDArray[np.float64],
    lengths: NDArray[np.uint16],
    average: float,
) -> None:
    """Add to `scores` what a term gives the passages at `slots`."""
    place = np.searchsorted(term.slots, slots)
    place[place == len(term.slots)] = 0
    held = np.flatnonzero(term.slots[place] == slots)
    found = place[held]
    scores[held] += _gain(term.weight, term.counts[found], lengths[slots[held]], average)


def _gain(
    weight: float, counts: NDArray[np.uint8], lengths: NDArray[np.uint16], average: float
) -> NDArray[np.float64]:
    """Return what a stem of this weight adds to passages that have it so often."""
    often = counts.astype(np.float64)
    gained: NDArray[np.float64] = (
        weight * (K1 + 1) * often / (often + K1 * (1 - B + B / average * lengths))
    )
    return gained


def _best(slots: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Return the places of the k highest scores, best first, of equal ones the lowest slot."""
    if len(scores) > k:
        least = np.partition(scores, -k)[-k]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    order = np.lexsort((slots[places], -scores[places]))
    chosen: NDArray[np.int64] = places[order][:k]
    return chosen


def _both(
    one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
