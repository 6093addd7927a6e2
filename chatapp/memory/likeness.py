"""How near the words of a text are to those of a question, word by word.

A round need not hold the asked word: an "oak" is near a "tree". Each word of the question is
matched with its nearest word in the text (MaxSim of ColBERT, Khattab and Zaharia 2020, with static
vectors), a rare one counting more. Needs an embedder that makes a word's vector in no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from retrieval.terms import fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding import Embedder

_WORD = re.compile(r"[^\W_]+")
_MEMO_WORDS = 50_000  # 50 MB of vectors; then they are made anew


class Likeness:
    """Word vectors of `embedder`, kept as they are made. Not thread-safe."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def shares(
        self, words: Sequence[str], weights: Sequence[float], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """Return how much of the words' weight each text holds, from about 0 to 1.

        Args:
            words: folded content words of the question.
            weights: how rare each is.
            texts: what is compared with them.
        """
        import numpy as np

        shares = np.zeros(len(texts), np.float32)
        split = [sorted({fold(word) for word in _WORD.findall(text)}) for text in texts]
        total = sum(weights)
        if not words or total <= 0:
            return shares
        self._learn({*words, *(word for held in split for word in held)})
        places = {word: place for place, word in enumerate({w for held in split for w in held})}
        if not places:
            return shares
        near = self._table(words) @ self._table(places).T
        weight = np.asarray(weights, np.float32)
        for number, held in enumerate(split):
            if held:
                best = near[:, [places[word] for word in held]].max(axis=1)
                shares[number] = weight @ np.maximum(best, 0) / total
        return shares

    def _learn(self, words: set[str]) -> None:
        if len(self._vectors) > _MEMO_WORDS:
            self._vectors.clear()
        new = [word for word in sorted(words) if word not in self._vectors]
        self._vectors.update(zip(new, self._embedder.embed_passages(new), strict=True))

    def _table(self, words: Iterable[str]) -> NDArray[np.float32]:
        import numpy as np

        return np.stack([self._vectors[word] for word in words])
