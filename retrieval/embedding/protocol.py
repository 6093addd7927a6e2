"""What an embedder promises. Queries and passages may be encoded by different means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIG_NAME = "config.json"  # every kind of embedder has one


class Embedder(Protocol):
    """Text to unit vectors, float32 of shape (len(texts), dimension).

    `id` names the exact weights. It is stored with the index, and vectors of one embedder are never
    compared with those of another. A text without a word gives a row of zeros.
    """

    id: str
    dimension: int

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row a text that is searched in."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row a text that is searched for; their dot products are the scores."""
        ...
