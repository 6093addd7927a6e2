"""Passage vectors as they lie in the database: int8, one blob a document.

The thing to know: vectors are of unit length, so one fixed scale serves them all and no scale is
stored; the rounding costs less than 0.001 of a cosine. They are the truth that the FAISS cache is
built from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.chunking import Chunk
from retrieval.store.sql import Sql

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCALE = 256.0  # unit vectors of 128 and more dimensions stay within ±0.5, that is ±127


def passage_input(title: str, text: str, piece: Chunk) -> str:
    """Return what is embedded for a passage: where it stands and what it says."""
    return f"{title}\n{piece.heading}\n{text[piece.start : piece.end]}"


def quantise(matrix: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return unit vectors as int8 of the same shape, `SCALE` times their value."""
    import numpy as np

    scaled: NDArray[np.int8] = np.clip(np.rint(matrix * SCALE), -127, 127).astype(np.int8)
    return scaled


def as_unit(matrix: NDArray[np.signedinteger]) -> NDArray[np.float32]:
    """Return stored vectors as unit vectors, float32 of the same shape."""
    import numpy as np

    unit: NDArray[np.float32] = matrix.astype(np.float32) / np.float32(SCALE)
    return unit


def insert_vectors(sql: Sql, document_id: int, first: int, data: bytes) -> None:
    """Store the passage vectors of one document, `first` being its first passage's row id."""
    sql.execute(
        "INSERT OR REPLACE INTO vectors (document_id, first_passage, data) VALUES (?, ?, ?)",
        [document_id, first, data],
    )


def count_vectors(sql: Sql, dimension: int) -> int:
    """Return how many passage vectors are stored."""
    row = sql.execute("SELECT coalesce(sum(length(data)), 0) FROM vectors").fetchone()
    return int(row[0]) // dimension


def iterate_vectors(
    sql: Sql, dimension: int, *, after: int = 0, rows: int = 65_536
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int8]]]:
    """Yield (passage row ids, int8 vectors) in blocks of about `rows`, ids above `after` only."""
    import numpy as np

    ids: list[NDArray[np.int64]] = []
    blobs: list[bytes] = []
    held = 0
    cursor = sql.execute(
        "SELECT first_passage, data FROM vectors WHERE first_passage > ? ORDER BY first_passage",
        [after],
    )
    for first, data in cursor:
        count = len(data) // dimension
        ids.append(np.arange(first, first + count, dtype=np.int64))
        blobs.append(data)
        held += count
        if held >= rows:
            yield np.concatenate(ids), _matrix(blobs, dimension)
            ids, blobs, held = [], [], 0
    if held:
        yield np.concatenate(ids), _matrix(blobs, dimension)


def _matrix(blobs: Sequence[bytes], dimension: int) -> NDArray[np.int8]:
    import numpy as np

    return np.frombuffer(b"".join(blobs), dtype=np.int8).reshape(-1, dimension)
