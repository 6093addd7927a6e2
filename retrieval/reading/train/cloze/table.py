"""Words of a corpus: vectors, pieces, keys, stems, rarity, neighbours in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from retrieval.reading.train.cloze.lexicon import PEOPLE, PLACES
from retrieval.reading.train.vectors import rows_of
from retrieval.reading.words import Tokens, Vocabulary, folded, padded_pieces, shape_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.reading.train.corpus import Corpus


_FREQUENT = 20_000  # words that may be replaced by a neighbour
_ALIKE = 0.5  # least cosine of a neighbour


class WordTable:
    """What is known of every word of a corpus, and words with shapes as the network's tokens."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, table: NDArray[np.float32]) -> None:
        """Look every word up once; `table` is (rows, width), vectors as `rows_of` numbers them."""
        facts = vocabulary.facts(corpus.words)
        columns = np.array([fact[:3] for fact in facts], dtype=np.float64)
        self._pieces, self._keys = padded_pieces(facts), columns[:, 0].astype(np.int32)
        self.stems, self.rarity = columns[:, 1].astype(np.int32), columns[:, 2].astype(np.float32)
        self._rows, self._words = rows_of(corpus, vocabulary), vocabulary.words
        self._kind_of = {word: kind for kind, word in enumerate(corpus.words)}
        self._person = table @ self._mean(table, PEOPLE) - table @ self._mean(table, PLACES)
        self._near = _nearest(table, min(_FREQUENT, len(vocabulary.words)))

    def personality(self, kinds: NDArray[np.integer[Any]]) -> float:
        """Return how much nearer words lie to people's names (above 0) than to places' names."""
        return float(self._person[self._rows[kinds]].mean())

    def neighbours(self, word: str) -> list[str]:
        """Return up to four words of like meaning; none for a rare word."""
        row = self._rows[self._kind_of[word]] if word in self._kind_of else len(self._near)
        close = self._near[row] if row < len(self._near) else ()
        return [self._words[n - 1] for n in close if n and self._words[n - 1] != word]

    def tokens(
        self, kinds: NDArray[np.integer[Any]], shapes: NDArray[np.uint8], opens: NDArray[np.uint8]
    ) -> Tokens:
        """Return words by number, with their shapes, as tokens."""
        none = np.zeros(0, dtype=np.int32)
        return Tokens(
            self._pieces[kinds],
            self._keys[kinds],
            self.stems[kinds],
            self.rarity[kinds],
            shapes,
            opens,
            none,
            none,
        )

    def _mean(self, table: NDArray[np.float32], words: Sequence[str]) -> NDArray[np.float32]:
        known = [self._rows[self._kind_of[word]] for word in words if word in self._kind_of]
        mean: NDArray[np.float32] = table[known].mean(0) if known else np.zeros_like(table[0])
        return mean

    def plain(self, words: list[str]) -> Tokens:
        """Return words as they are written as tokens."""
        return self.pairs([(folded(word), shape_of(word)) for word in words])

    def pairs(self, pairs: list[tuple[str, int]]) -> Tokens:
        """Return words with shapes as tokens; what the corpus does not know is left out."""
        kept = [(self._kind_of[word], shape) for word, shape in pairs if word in self._kind_of]
        return self.tokens(
            np.array([kind for kind, _ in kept], dtype=np.int64),
            np.array([shape for _, shape in kept], dtype=np.uint8),
            np.zeros(len(kept), dtype=np.uint8),
        )


def _nearest(table: NDArray[np.float32], count: int) -> list[list[int]]:
    """Return for each of the first `count` rows the rows most like it, 0 where none is."""
    vectors = torch.from_numpy(table[: count + 1])
    found: list[list[int]] = []
    for part in vectors.split(1_000):
        values, rows = (part @ vectors.T).topk(5, dim=1)
        found += rows.where(values > _ALIKE, 0)[:, 1:].tolist()
    return found
