"""Our own embedder: a passage is the weighted mean of its words' vectors, made unit length.

The thing to know: no GPU, no torch. A text is a sum over a table of int8 word vectors with learned
word weights folded in, so an index is built fast; in a query a word may weigh more or less than in
a passage. A word that is repeated counts less each time. A word outside the vocabulary is the sum
of two hashed rows, so two texts that share a rare name still meet.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.embedding.protocol import CONFIG_NAME
from retrieval.errors import EmbedderDamaged
from retrieval.terms import fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS_NAME = "model.safetensors"
VOCABULARY_NAME = "vocabulary.json"
ASKING = "asking"  # the tensor of the weights in queries
KIND = "static"

_WORD = re.compile(r"[^\W_]+")
_MEMO_WORDS = 500_000


class StaticEmbedder:
    """Word vectors → unit passage vectors; `dimension` columns, `id` names the exact weights."""

    def __init__(
        self,
        revision: str,
        vocabulary: Sequence[str],
        codes: NDArray[np.int8],
        scales: NDArray[np.float32],
        buckets: int,
        asking: NDArray[np.float32] | None = None,
        repeat_power: float = 1.0,
    ) -> None:
        """Take a table of len(vocabulary) + buckets rows, word weights folded in.

        Args:
            revision: names the exact weights.
            vocabulary: words of the first rows, in order.
            codes: (rows, dimension) the table. It stays int8: to make floats of all of it takes
                longer than all else when the app starts, and a text needs a few rows.
            scales: (rows,) what the codes of each row are multiplied with.
            buckets: how many rows, the last ones, are hashed.
            asking: (rows,) by how much more a row weighs in a query; None: as in a passage.
            repeat_power: a word that stands n times counts n ** repeat_power times.
        """
        self.id = f"{KIND}-{revision}"
        self.dimension = int(codes.shape[1])
        self._codes = codes
        self._scales = scales
        self._rows = RowMap(vocabulary, buckets)
        self._asking = asking
        self._repeat_power = repeat_power

    @classmethod
    def load(cls, directory: Path) -> StaticEmbedder:
        """Load from `config.json`, `vocabulary.json` and `model.safetensors`.

        Raises:
            EmbedderDamaged: a file is missing, truncated or does not fit the others.
        """
        from safetensors.numpy import load_file

        try:
            config = json.loads((directory / CONFIG_NAME).read_text("utf-8"))
            vocabulary = json.loads((directory / VOCABULARY_NAME).read_text("utf-8"))
            tensors = load_file(directory / WEIGHTS_NAME)
            codes, scales = tensors["rows"], tensors["scales"].astype("float32")
            if codes.shape != (len(vocabulary) + config["buckets"], config["dimension"]):
                raise ValueError(f"table of shape {codes.shape} does not fit the vocabulary")
            if scales.shape != codes.shape[:1]:
                raise ValueError(f"scales of shape {scales.shape} do not fit the table")
            asking = tensors[ASKING].astype("float32") if ASKING in tensors else None
            if asking is not None and asking.shape != codes.shape[:1]:
                raise ValueError(f"query weights of shape {asking.shape} do not fit the table")
            power = float(config.get("repeat_power", 1.0))
            return cls(
                config["revision"], vocabulary, codes, scales, config["buckets"], asking, power
            )
        except Exception as error:
            raise EmbedderDamaged(
                f"the embedder in {directory} is damaged: {error}",
                "restore the directory from the project's release",
            ) from error

    @staticmethod
    def is_in(directory: Path) -> bool:
        """Whether `directory` holds an embedder of this kind, damaged or not."""
        try:
            config = json.loads((directory / CONFIG_NAME).read_text("utf-8"))
        except (OSError, ValueError):
            return (directory / VOCABULARY_NAME).is_file()
        return isinstance(config, dict) and config.get("kind") == KIND

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit row vectors, float32 (len(texts), dimension); a text without words is 0."""
        return self._embed(texts, self._asking)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit row vectors, float32 (len(texts), dimension); a text without words is 0."""
        return self._embed(texts, None)

    def _embed(
        self, texts: Sequence[str], row_weights: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        import numpy as np

        result = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for number, text in enumerate(texts):
            counts = Counter(self._rows.rows(text))
            if not counts:
                continue
            rows = np.fromiter(counts, dtype=np.int64, count=len(counts))
            weights = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
            weights **= self._repeat_power
            weights *= self._scales[rows]
            if row_weights is not None:
                weights *= row_weights[rows]
            # One product a text: `add.reduceat` over many at once is twenty times slower.
            result[number] = weights @ self._codes.take(rows, axis=0).astype(np.float32)
        norms = np.linalg.norm(result, axis=1, keepdims=True)
        unit: NDArray[np.float32] = result / np.maximum(norms, 1e-9)
        return unit


class RowMap:
    """Text to rows of the table; shared by training and use, so they cannot drift apart."""

    def __init__(self, vocabulary: Sequence[str], buckets: int) -> None:
        """Rows 0… are the vocabulary; the last `buckets` rows are hashed."""
        self._known = {word: (row,) for row, word in enumerate(vocabulary)}
        self._memo: dict[str, tuple[int, ...]] = {}
        self._first_bucket = len(vocabulary)
        self._buckets = buckets

    def rows(self, text: str) -> list[int]:
        """Return the table rows of the words of `text`, in order."""
        if len(self._memo) > _MEMO_WORDS:
            self._memo.clear()
        memo = self._memo
        found: list[int] = []
        for word in _WORD.findall(text):
            rows = memo.get(word)
            if rows is None:
                rows = memo[word] = self._lookup(word)
            found += rows
        return found

    def _lookup(self, word: str) -> tuple[int, ...]:
        folded = fold(word)
        return self._known.get(folded) or tuple(self._hashed(folded))

    def _hashed(self, word: str) -> Iterable[int]:
        for seed in (1, 2):
            yield self._first_bucket + zlib.crc32(word.encode(), seed) % self._buckets
