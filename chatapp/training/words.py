"""Texts as hashes of their runs of words, for telling which texts share wording.

Case, punctuation and spacing do not count. Hashes are computed for a whole text at once with
numpy: 64 bits for every run of words, the same on every machine and in every process.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE = pow(_BASE, -1, 2**64)
_STEP = np.uint64(0xD1B54A32D192ED03)

# Letters and digits of ASCII, and every byte of another script's characters, make words.
_IS_WORD = np.array([chr(byte).isalnum() if byte < 128 else True for byte in range(256)])


def word_hashes(text: str) -> Hashes:
    """Return a hash for each word of a text, in order."""
    data = np.frombuffer(text.casefold().encode(), dtype=np.uint8)
    inside = _IS_WORD[data]
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    starts, stops = edges[0::2], edges[1::2]
    powers = _powers(_BASE, len(data))
    # A word's polynomial is the difference of two running sums; the inverse power takes out where
    # in the text it stands.
    sums = np.concatenate(([np.uint64(0)], np.cumsum((data + np.uint64(1)) * powers)))
    return _mixed((sums[stops] - sums[starts]) * _powers(_INVERSE, len(data))[starts])


def run_hashes(words: Hashes, length: int) -> Hashes:
    """Return a hash for each run of `length` words; a shorter text is one run."""
    length = max(1, min(length, len(words)))
    count = len(words) - length + 1
    total = np.zeros(count, dtype=np.uint64)
    for offset in range(length):
        total = total * _STEP + words[offset : offset + count]
    return _mixed(total)


_cache: dict[int, Hashes] = {}


def _powers(base: int, count: int) -> Hashes:
    """Return the first powers of `base` modulo 2^64, kept for the next text."""
    known = _cache.get(base)
    if known is None or len(known) < count:
        factors = np.full(max(count, 1 << 16), np.uint64(base))
        factors[0] = 1
        known = _cache[base] = np.cumprod(factors, dtype=np.uint64)
    return known[:count]


def _mixed(values: Hashes) -> Hashes:
    """Spread every bit over all others (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed
