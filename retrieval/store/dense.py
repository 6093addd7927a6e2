"""Nearest passages by vector: FAISS over the vectors of the database.

The thing to know: nothing here is the truth. The FAISS file is a cache of the `vectors` table; on
any doubt (other database, other embedder, wrong size, wrong checksum, missing) it is built anew and
swapped in whole. It covers passage ids up to a mark; newer vectors are read into a flat tail, and
ids that were deleted since are dropped when passages are fetched, because ids are never reused.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlite_utils import Database

from retrieval.store import cache
from retrieval.store.database import get_meta
from retrieval.store.lexical import collection_filter
from retrieval.store.vectors import SCALE, count_vectors, iterate_vectors, quantise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLAT_LIMIT = 100_000  # an exact scan up to here takes a few milliseconds
CELLS = 1024
PROBES = 48
_TRAINING_ROWS = 50_000
_TAIL_LIMIT = 50_000  # a longer tail (and a quarter of the whole) is worth a new cache


log = logging.getLogger("chatapp")


class DenseHit(NamedTuple):
    """A passage row id with its cosine similarity."""

    passage: int
    score: float


class DenseIndex:
    """The vectors of one database for one embedder; thread-safe."""

    def __init__(self, path: Path | None, embedder: str, dimension: int, *, writable: bool) -> None:
        """`path` is the cache file, None for none; nothing is read until the first search."""
        self._path = path
        self._embedder = embedder
        self._dimension = dimension
        self._writable = writable
        self._lock = threading.Lock()
        self._signature: tuple[int, int, int] | None = None
        self._main: Any = None
        self._tail: Any = None
        self._covered = 0  # highest passage id in main
        self._seen = 0  # highest passage id in main and tail
        self._selectors: dict[tuple[int, tuple[str, ...]], Any] = {}

    def search(
        self,
        database: Database,
        vector: NDArray[np.float32],
        k: int,
        collections: Sequence[str] = (),
    ) -> list[DenseHit]:
        """Return the `k` nearest passages of `vector`, float32 (dimension,), best first.

        A passage that was deleted a moment ago may still be among them.
        """
        scaled = quantise(vector[None, :]).astype("float32")
        with self._lock:
            self._refresh(database)
            selector = self._selector(database, tuple(collections))
            found: list[DenseHit] = []
            for part in (self._main, self._tail):
                if part is not None and part.ntotal:
                    found += _search_part(part, scaled, min(k, part.ntotal), selector)
        return sorted(found, key=lambda hit: -hit.score)[:k]

    def update(self, database: Database) -> None:
        """Build the cache anew when the tail has grown long or much of it was deleted."""
        with self._lock:
            self._refresh(database)
            tail = self._tail.ntotal if self._tail else 0
            held = tail + self._main.ntotal
            live = int(database.execute("SELECT count(*) FROM passages").fetchone()[0])
            # Vectors that were completed later belong to older ids than the tail looks at.
            missing = count_vectors(database, self._dimension) - held
            if (tail > _TAIL_LIMIT and tail > held / 4) or held - live > held / 4 or missing > 0:
                self._build(database)

    def rebuild(self, database: Database) -> None:
        """Build the cache anew, whatever its state."""
        with self._lock:
            self._build(database)

    def _refresh(self, database: Database) -> None:
        """Bring main and tail up to date with the cache file and the database."""
        if self._main is None or self._cached() != self._signature:
            self._load(database)
        self._extend_tail(database)

    def _load(self, database: Database) -> None:
        self._signature = self._cached()
        loaded = cache.read(self._path, self._header(database, 0, 0)) if self._path else None
        if loaded is None:
            self._build(database)
            return
        header, self._main = loaded
        self._adopt(header)

    def _build(self, database: Database) -> None:
        self._main, highest = build(database, self._dimension)
        header = self._header(database, self._main.ntotal, highest)
        if self._path and self._writable:
            try:
                cache.write(self._path, header, self._main)
            except OSError as error:  # a full disk must not stop a search
                log.warning("The vector cache %s was not written: %s", self._path, error)
            self._signature = self._cached()
        self._adopt(header)

    def _cached(self) -> tuple[int, int, int] | None:
        """Return what tells one version of the cache file from the next, None without one."""
        return cache.signature(self._path) if self._path else None

    def _adopt(self, header: cache.Header) -> None:
        self._covered = self._seen = header.highest
        self._tail = None

    def _header(self, database: Database, count: int, highest: int) -> cache.Header:
        identity = get_meta(database, "database_id")
        return cache.Header(identity, self._embedder, self._dimension, count, highest)

    def _extend_tail(self, database: Database) -> None:
        for ids, rows in iterate_vectors(database, self._dimension, after=self._seen):
            if self._tail is None:
                self._tail = _flat(self._dimension)
            self._tail.add_with_ids(rows.astype("float32"), ids)
            self._seen = int(ids.max())

    def _selector(self, database: Database, collections: tuple[str, ...]) -> Any:
        """Return a FAISS selector of the passages in `collections`, None for all."""
        if not collections:
            return None
        import numpy as np

        key = (self._seen, collections)
        if key not in self._selectors:
            where, values = collection_filter(collections)
            sql = f"SELECT rowid FROM passages WHERE 1 {where}"
            ids = np.array([row[0] for row in database.execute(sql, values)], dtype=np.int64)
            self._selectors.clear()  # older ones are out of date
            self._selectors[key] = (ids, cache.load_faiss().IDSelectorBatch(ids))
        return self._selectors[key][1]


def build(database: Database, dimension: int) -> tuple[Any, int]:
    """Return a FAISS index over all vectors, and the highest passage id in it.

    Exact up to `FLAT_LIMIT` vectors, inverted lists beyond; int8 components either way.
    """
    count = count_vectors(database, dimension)
    index = _flat(dimension) if count <= FLAT_LIMIT else _inverted(database, dimension, count)
    highest = 0
    for ids, rows in iterate_vectors(database, dimension):
        index.add_with_ids(rows.astype("float32"), ids)
        highest = max(highest, int(ids.max()))
    return index, highest


def _flat(dimension: int) -> Any:
    faiss = cache.load_faiss()

    quantiser = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    )
    return faiss.IndexIDMap2(quantiser)


def _inverted(database: Database, dimension: int, count: int) -> Any:
    faiss = cache.load_faiss()

    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension),
        dimension,
        CELLS,
        faiss.ScalarQuantizer.QT_8bit_direct_signed,
        faiss.METRIC_INNER_PRODUCT,
        False,
    )
    index.cp.niter = 8
    index.cp.seed = 7
    index.train(_sample(database, dimension, count))
    index.nprobe = PROBES
    return index


def _sample(database: Database, dimension: int, count: int) -> NDArray[np.float32]:
    """Return about `_TRAINING_ROWS` vectors spread evenly over the database."""
    import numpy as np

    step = max(1, count // _TRAINING_ROWS)
    parts = [rows[::step].astype("float32") for _, rows in iterate_vectors(database, dimension)]
    return np.concatenate(parts)


def _search_part(part: Any, scaled: NDArray[np.float32], k: int, selector: Any) -> list[DenseHit]:
    """Search one FAISS index; `scaled` is (1, dimension) in the int8 units of the stored vectors.

    FAISS truncates the components of a query to integers here, so an unscaled one finds nothing.
    """
    faiss = cache.load_faiss()

    parameters: Any = None
    if isinstance(part, faiss.IndexIVF):
        parameters = faiss.SearchParametersIVF(nprobe=PROBES, sel=selector)
    elif selector is not None:
        parameters = faiss.SearchParameters(sel=selector)
    scores, ids = part.search(scaled, k, params=parameters)
    return [
        DenseHit(int(passage), float(score) / SCALE**2)
        for passage, score in zip(ids[0], scores[0], strict=True)
        if passage >= 0
    ]
