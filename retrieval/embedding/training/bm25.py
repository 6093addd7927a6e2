"""Passages by words, for training only: BM25 over the rarer words of a question.

The thing to know: this finds candidates to learn from, not answers to show, so words that stand in
more than one passage of fifty are left out, which makes a question take a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding.training.corpus import Corpus

_K1, _B = 0.9, 0.4  # as Lucene's open-domain baselines use them
_COMMON = 50


class Bm25:
    """Postings of a corpus, words as numbered there."""

    def __init__(self, corpus: Corpus, names: int) -> None:
        """`names` is how many words are numbered; those met later have no postings."""
        lengths = corpus.end - corpus.start
        owner = np.repeat(np.arange(len(corpus), dtype=np.int64), lengths)
        keys, counts = np.unique((corpus.words.astype(np.int64) << 24) | owner, return_counts=True)
        self._passages = (keys & 0xFFFFFF).astype(np.int32)
        self._bounds = np.searchsorted(keys, np.arange(names + 1, dtype=np.int64) << 24)
        frequency = np.diff(self._bounds)
        total = len(corpus)
        self._rare = np.log1p((total - frequency + 0.5) / (frequency + 0.5))
        self._usable = (frequency > 0) & (frequency * _COMMON <= total)
        norm = _K1 * (1 - _B + _B * lengths / max(1.0, float(lengths.mean())))
        self._shares = (counts / (counts + norm[self._passages])).astype(np.float32)

    def best(self, words: Sequence[int], k: int) -> NDArray[np.int64]:
        """Return the `k` best passages for the words, best first; fewer when few hold any."""
        known = [w for w in dict.fromkeys(words) if w < len(self._usable) and self._usable[w]]
        if not known:
            return np.zeros(0, dtype=np.int64)
        spans = [slice(self._bounds[word], self._bounds[word + 1]) for word in known]
        passages, place = np.unique(
            np.concatenate([self._passages[span] for span in spans]), return_inverse=True
        )
        worth = np.concatenate(
            [self._shares[span] * self._rare[word] for span, word in zip(spans, known, strict=True)]
        )
        scores = np.bincount(place, weights=worth)
        order: NDArray[np.int64] = passages[np.argsort(-scores, kind="stable")[:k]].astype(np.int64)
        return order
