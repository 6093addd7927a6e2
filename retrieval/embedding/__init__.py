"""Embedders: text to unit vectors. `load_embedder` finds what a directory holds.

The thing to know: `id` names the exact weights. It is stored with the index, and vectors of one
embedder are never compared with those of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIG_NAME = "config.json"


class Embedder(Protocol):
    """What the index needs of an embedder."""

    id: str
    dimension: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row vector a text, float32 (len(texts), dimension)."""
        ...


def load_embedder(directory: Path) -> Embedder | None:
    """Return the embedder in `directory`, None when there is none (search is then lexical).

    Raises:
        EmbedderDamaged: files are there but do not make an embedder.
    """
    if not (directory / CONFIG_NAME).is_file():
        return None
    from retrieval.embedding.static import StaticEmbedder

    return StaticEmbedder.load(directory)
