"""Words of a corpus: rows, keys, stems, rarity, neighbours in meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from retrieval.reading.train.cloze.lexicon import PEOPLE, PLACES
from retrieval.reading.words import Tokens, Vocabulary, folded, shape_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.reading.train.corpus import Corpus


_FREQUENT = 20_000  # words that may be replaced by a neighbour
_ALIKE = 0.5  # least cosine of a neighbour


class WordTable:
    """What is known of every word of a corpus, and words with shapes as the network's tokens."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, table: NDArray[np.float32]) -> None:
        """Look every word up once; `table` is (rows, width), the vectors of the vocabulary."""
        self._vocabulary = vocabulary
        facts = vocabulary.facts(corpus.words)
        columns = np.array(facts, dtype=np.float64)
        self._rows, self._keys = columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int32)
        self.stems, self.rarity = columns[:, 2].astype(np.int32), columns[:, 3].astype(np.float32)
        self._kind_of = {word: kind for kind, word in enumerate(corpus.words)}
        people = table[[vocabulary.facts([w])[0].row for w in PEOPLE]].mean(0)
        places = table[[vocabulary.facts([w])[0].row for w in PLACES]].mean(0)
        self._person = table @ people - table @ places
        self._near = _nearest(table, min(_FREQUENT, len(vocabulary.words)))

    def personality(self, kinds: NDArray[np.integer[Any]]) -> float:
        """Return how much nearer words lie to people's names (above 0) than to places' names."""
        return float(self._person[self._rows[kinds]].mean())

    def neighbours(self, word: str) -> list[str]:
        """Return up to four words of like meaning; none for a rare word."""
        row = self._vocabulary.facts([word])[0].row
        words = self._vocabulary.words
        close = self._near[row] if row < len(self._near) else ()
        return [words[n - 1] for n in close if n and words[n - 1] != word]

    def tokens(
        self, kinds: NDArray[np.integer[Any]], shapes: NDArray[np.uint8], opens: NDArray[np.uint8]
    ) -> Tokens:
        """Return words by number, with their shapes, as tokens."""
        none = np.zeros(0, dtype=np.int32)
        return Tokens(
            self._rows[kinds],
            self._keys[kinds],
            self.stems[kinds],
            self.rarity[kinds],
            shapes,
            opens,
            none,
            none,
        )

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
