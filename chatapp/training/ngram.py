"""An interpolated Kneser-Ney n-gram model: the baseline a neural model has to beat.

Probabilities are interpolated down to the uniform distribution with one absolute discount, and
lower orders count distinct left contexts (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7).
Counting is numpy sorting over whole token arrays: an n-gram is named by the pair (index of its
history among the histories, last token), so keys stay below 2^63 at any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.integer]
"""Token ids of any width."""


@dataclass(frozen=True)
class _Order:
    """Sorted n-grams of one order, their counts, and sums over each history."""

    keys: Ids
    counts: Ids
    history_total: npt.NDArray[np.float64]
    history_types: npt.NDArray[np.float64]


class NgramModel:
    """Kneser-Ney model over token ids.

    Args:
        tokens: training text, shape (N,).
        order: n of the n-grams.
        vocab_size: number of ids.
        discount: absolute discount, between 0 and 1.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        order: int,
        vocab_size: int,
        discount: float = 0.75,
    ) -> None:
        self.order, self.vocab_size, self.discount = order, vocab_size, discount
        # per order: the sorted distinct n-grams, and for every position which one begins there
        self._orders: list[_Order] = []
        self._index: list[Ids] = []
        text = tokens.astype(np.int64)
        names = text
        occurrences: list[Ids] = [names]
        for length in range(1, order + 1):
            keys = np.unique(names)
            self._index.append(keys)
            if length == order:
                break
            ids = np.searchsorted(keys, names)
            names = ids[:-1] * vocab_size + text[length:]
            occurrences.append(names)
        for length in range(1, order + 1):
            self._orders.append(self._count(text, occurrences, length))

    def _count(self, text: Ids, occurrences: list[Ids], length: int) -> _Order:
        """Count one order: occurrences at the top, distinct left neighbours below."""
        keys = self._index[length - 1]
        if length == self.order:
            positions = np.searchsorted(keys, occurrences[length - 1])
        else:
            # each distinct (length + 1)-gram adds one to the n-gram that is its suffix
            first = np.unique(occurrences[length], return_index=True)[1]
            suffix = occurrences[length - 1][first + 1]
            positions = np.searchsorted(keys, suffix)
        counts = np.bincount(positions, minlength=len(keys)).astype(np.int64)
        histories = keys // self.vocab_size if length > 1 else np.zeros(len(keys), np.int64)
        size = len(self._index[length - 2]) if length > 1 else 1
        return _Order(
            keys,
            counts,
            np.bincount(histories, weights=counts, minlength=size).astype(np.float64),
            np.bincount(histories, weights=counts > 0, minlength=size).astype(np.float64),
        )

    def log2_probabilities(self, tokens: Tokens) -> npt.NDArray[np.float64]:
        """Return log2 P(token | the up to n - 1 tokens before it) for each token, shape (N,)."""
        text = tokens.astype(np.int64)
        probability = np.full(len(text), 1.0 / self.vocab_size)
        for length in range(1, self.order + 1):
            probability = self._interpolate(text, length, probability)
        logarithms: npt.NDArray[np.float64] = np.log2(probability)
        return logarithms

    def _interpolate(
        self, text: Ids, length: int, lower: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Mix order `length` into the lower order's probabilities where its history was seen."""
        order = self._orders[length - 1]
        history, known = self._histories(text, length - 1)
        names = history * self.vocab_size + text if length > 1 else text
        place = np.minimum(np.searchsorted(order.keys, names), len(order.keys) - 1)
        seen = known & (order.keys[place] == names)
        count = np.where(seen, order.counts[place], 0)
        total = np.where(known, order.history_total[history], 0.0)
        types = np.where(known, order.history_types[history], 0.0)
        usable = total > 0
        safe = np.where(usable, total, 1.0)
        mixed = np.maximum(count - self.discount, 0.0) / safe + self.discount * types / safe * lower
        return np.where(usable, mixed, lower)

    def _histories(self, text: Ids, length: int) -> tuple[Ids, npt.NDArray[np.bool_]]:
        """Index of the `length` tokens before each position, and whether training had them."""
        count = len(text)
        index, known = np.zeros(count, np.int64), np.ones(count, bool)
        if length == 0:
            return index, known
        known[:length] = False
        for offset in range(length):
            token = text[offset : count - length + offset]
            part = slice(length, count)
            names = token if offset == 0 else index[part] * self.vocab_size + token
            keys = self._index[offset]
            place = np.minimum(np.searchsorted(keys, names), len(keys) - 1)
            known[part] &= keys[place] == names
            index[part] = np.where(known[part], place, 0)
        return index, known


def ngram_bits_per_byte(model: NgramModel, tokens: Tokens, byte_lengths: list[int]) -> float:
    """Return bits per byte on `tokens`, counting text tokens only, as for the neural model."""
    lengths = np.array(byte_lengths)[tokens]
    bits = -model.log2_probabilities(tokens)
    text_bytes = int(lengths.sum())
    return float(bits[lengths > 0].sum()) / text_bytes if text_bytes else math.nan
