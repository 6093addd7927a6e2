"""Which of the passages that were found say the same as a better one.

The thing to know: libraries hold copies (a page saved twice, a paragraph quoted elsewhere). Of
near copies the best ranked stays and says how many it stands for; the others make room. Likeness is
the share of word runs in common (w-shingling, Broder 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrieval.terms import words
from retrieval.types import Hit

_RUN = 4  # words
_ALIKE = 0.7  # of the runs of the shorter passage; rewordings stay below, copies with a typo above
_LEAST_RUNS = 8  # a heading or a line of two is no copy of another


def without_copies(hits: Sequence[Hit], k: int) -> list[Hit]:
    """Return the first `k` hits that are no near copy of one before them."""
    kept: list[Hit] = []
    runs: list[frozenset[int]] = []
    for hit in hits:
        own = _runs(hit.passage.text)
        same = next((place for place, other in enumerate(runs) if _alike(own, other)), None)
        if same is not None:
            kept[same] = replace(kept[same], copies=kept[same].copies + 1)
        elif len(kept) < k:
            kept.append(hit)
            runs.append(own)
    return kept


def _runs(text: str) -> frozenset[int]:
    found = words(text.lower())
    return frozenset(hash(run) for run in zip(*(found[n:] for n in range(_RUN)), strict=False))


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    least = min(len(one), len(other))
    return least >= _LEAST_RUNS and len(one & other) >= _ALIKE * least
