"""Finding documents that say again what an earlier one said: word for word, or nearly.

Exact copies share a hash of their words; near ones share most of their runs of five words. The
share (Jaccard) is estimated from a MinHash signature, and candidates come from bands of it that
agree (Broder 1997; one-permutation hashing with optimal densification, arXiv:1703.04664: one hash
a run instead of one for each place of the signature). The first of two documents stays, so the
result depends on nothing but the order of the documents.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from chatapp.training.recipe import Deduplication
from chatapp.training.records import TextRecord
from chatapp.training.words import Hashes, run_hashes, word_hashes

_RUN = 5  # words
_BANDS, _ROWS = 24, 5  # finds a pair that shares 80 % with probability 0.9999, 50 % with 0.53
_PLACES = _BANDS * _ROWS
_THRESHOLD = 0.8  # share of runs, as in arXiv:2107.06499
# Where a place of the signature that no run fell into takes its value from: the first filled one.
_DETOURS = np.argsort(np.random.default_rng(0).random((_PLACES, _PLACES)), axis=1)

Signature = npt.NDArray[np.uint32]


class Deduplicator:
    """Remembers documents and says which earlier one a new one repeats.

    Attributes:
        seen: documents looked at.
        exact, near: how many of them were repetitions of either kind.
    """

    def __init__(self, kind: Deduplication) -> None:
        self._kind = kind
        self.seen = self.exact = self.near = 0
        self._texts: dict[bytes, str] = {}
        self._buckets: dict[bytes, int] = {}
        self._kept: list[tuple[str, Signature]] = []

    def repeats(self, identity: str, text: str) -> str | None:
        """Return the id of the earlier document that this one repeats; None makes it one."""
        if self._kind == "none":
            return None
        self.seen += 1
        words = word_hashes(text)
        key = hashlib.blake2b(words.tobytes(), digest_size=16).digest()
        if (first := self._texts.get(key)) is not None:
            self.exact += 1
            return first
        if self._kind == "near" and (first := self._nearly(identity, words)) is not None:
            self.near += 1
            return first
        self._texts[key] = identity
        return None

    def is_repeat(self, record: TextRecord) -> bool:
        """Say whether a document repeats an earlier one; one that does not is remembered."""
        return self.repeats(record.id, record.text) is not None

    def _nearly(self, identity: str, words: Hashes) -> str | None:
        """Return the id of a remembered near copy, or remember this one."""
        found = signature(words)
        bands = [bytes([band]) + row.tobytes() for band, row in enumerate(_banded(found))]
        candidates = {self._buckets[band] for band in bands if band in self._buckets}
        for candidate in sorted(candidates):
            first, other = self._kept[candidate]
            if similarity(found, other) >= _THRESHOLD:
                return first
        for band in bands:
            self._buckets.setdefault(band, len(self._kept))
        self._kept.append((identity, found))
        return None


def signature(words: Hashes) -> Signature:
    """Return the MinHash of a text's runs of words: the least hash in each of the places."""
    runs = run_hashes(words, _RUN)
    if not len(runs):
        return np.zeros(_PLACES, dtype=np.uint32)
    places = (runs >> np.uint64(32)) * np.uint64(_PLACES) >> np.uint64(32)
    least = np.full(_PLACES, 2**32, dtype=np.uint64)
    np.minimum.at(least, places.astype(np.int64), runs & np.uint64(2**32 - 1))
    filled = least < 2**32
    sources = _DETOURS[np.arange(_PLACES), filled[_DETOURS].argmax(axis=1)]
    return np.where(filled, least, least[sources]).astype(np.uint32)


def similarity(one: Signature, other: Signature) -> float:
    """Estimate the share of runs that two texts have in common (Jaccard, 0 to 1)."""
    return float((one == other).mean())


def _banded(found: Signature) -> npt.NDArray[np.uint32]:
    return found.reshape(_BANDS, _ROWS)
