"""Nearest passages by vector: FAISS over the vectors of the database.

The thing to know: nothing here is the truth. The FAISS file is a cache of the `vectors` table; on
any doubt (other database, other embedder, wrong size, wrong checksum, missing) it is built anew and
swapped in whole. It covers passage ids up to a mark; newer vectors are read into a flat tail, and
ids that were deleted since are dropped when passages are fetched, because ids are never reused.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.store import cache
from retrieval.store.lexical import glob
from retrieval.store.protocol import Scope, Scored
from retrieval.store.records import count, get_meta
from retrieval.store.scope import passages_in
from retrieval.store.sql import Sql
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


class DenseIndex:
    """The vectors of one database for one embedder; thread-safe."""

    def __init__(self, path: Path | None, embedder: str, dimension: int, *, writable: bool) -> None:
        """`path` is the cache file, None for none; nothing is read until the first search."""
        self._path = path
        self._embedder = embedder
        self.dimension = dimension
        self._writable = writable
        self._lock = threading.Lock()
        self._signature: tuple[int, int, int] | None = None
        self._main: Any = None
        self._tail: Any = None
        self._covered = 0  # highest passage id in main
        self._seen = 0  # highest passage id in main and tail

    def search(
        self,
        sql: Sql,
        vector: NDArray[np.float32],
        k: int,
        scope: Scope = Scope(),  # noqa: B008 - a constant
    ) -> list[Scored]:
        """Return the `k` nearest passages of `vector`, float32 (dimension,), best first.

        A passage that was deleted a moment ago may still be among them.
        """
        scaled = quantise(vector[None, :]).astype("float32")
        with self._lock:
            self._refresh(sql)
            selector = self._selector(sql, scope)
            found: list[Scored] = []
            for part in (self._main, self._tail):
                if part is not None and part.ntotal:
                    found += _search_part(part, scaled, min(k, part.ntotal), selector)
        return sorted(found, key=lambda hit: -hit.score)[:k]

    def update(self, sql: Sql) -> None:
        """Build the cache anew when the tail has grown long or much of it was deleted."""
        with self._lock:
            self._refresh(sql)
            tail = self._tail.ntotal if self._tail else 0
            held = tail + self._main.ntotal
            live = count(sql, "passages")
            # Vectors that were completed later belong to older ids than the tail looks at.
            missing = count_vectors(sql, self.dimension) - held
            if (tail > _TAIL_LIMIT and tail > held / 4) or held - live > held / 4 or missing > 0:
                self._build(sql)

    def rebuild(self, sql: Sql) -> None:
        """Build the cache anew, whatever its state."""
        with self._lock:
            self._build(sql)

    def _refresh(self, sql: Sql) -> None:
        """Bring main and tail up to date with the cache file and the database."""
        if self._main is None or self._cached() != self._signature:
            self._load(sql)
        self._extend_tail(sql)

    def _load(self, sql: Sql) -> None:
        self._signature = self._cached()
        loaded = cache.read(self._path, self._header(sql, 0, 0)) if self._path else None
        if loaded is None:
            self._build(sql)
            return
        header, self._main = loaded
        self._adopt(header)

    def _build(self, sql: Sql) -> None:
        self._main, highest = build(sql, self.dimension)
        header = self._header(sql, self._main.ntotal, highest)
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

    def _header(self, sql: Sql, held: int, highest: int) -> cache.Header:
        identity = get_meta(sql, "database_id")
        return cache.Header(identity, self._embedder, self.dimension, held, highest)

    def _extend_tail(self, sql: Sql) -> None:
        for ids, rows in iterate_vectors(sql, self.dimension, after=self._seen):
            if self._tail is None:
                self._tail = _flat(self.dimension)
            self._tail.add_with_ids(rows.astype("float32"), ids)
            self._seen = int(ids.max())

    def _selector(self, sql: Sql, scope: Scope) -> Any:
        """Return a FAISS selector of the passages in scope, None for all."""
        if scope.everything:
            return None
        import numpy as np

        query, values = passages_in(scope, glob)
        ids = np.array([row[0] for row in sql.execute(query, values)], dtype=np.int64)
        return cache.load_faiss().IDSelectorBatch(ids)


def build(sql: Sql, dimension: int) -> tuple[Any, int]:
    """Return a FAISS index over all vectors, and the highest passage id in it.

    Exact up to `FLAT_LIMIT` vectors, inverted lists beyond; int8 components either way.
    """
    vectors = count_vectors(sql, dimension)
    index = _flat(dimension) if vectors <= FLAT_LIMIT else _inverted(sql, dimension, vectors)
    highest = 0
    for ids, rows in iterate_vectors(sql, dimension):
        index.add_with_ids(rows.astype("float32"), ids)
        highest = max(highest, int(ids.max()))
    return index, highest


def _flat(dimension: int) -> Any:
    faiss = cache.load_faiss()

    quantiser = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    )
    return faiss.IndexIDMap2(quantiser)


def _inverted(sql: Sql, dimension: int, vectors: int) -> Any:
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
    index.train(_sample(sql, dimension, vectors))
    index.nprobe = PROBES
    return index


def _sample(sql: Sql, dimension: int, vectors: int) -> NDArray[np.float32]:
    """Return about `_TRAINING_ROWS` vectors spread evenly over the database."""
    import numpy as np

    step = max(1, vectors // _TRAINING_ROWS)
    parts = [rows[::step].astype("float32") for _, rows in iterate_vectors(sql, dimension)]
    return np.concatenate(parts)


def _search_part(part: Any, scaled: NDArray[np.float32], k: int, selector: Any) -> list[Scored]:
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
        Scored(int(passage), float(score) / SCALE**2)
        for passage, score in zip(ids[0], scores[0], strict=True)
        if passage >= 0
    ]
