"""Nearest passages by vector: a FAISS cache of the vectors of the database, and what is newer.

The thing to know: nothing here is the truth. The cache file belongs to one database, one embedder
and one stretch of the database's history; on any doubt (another of these, a wrong checksum, none
at all) it is built anew and swapped in whole. It covers passages up to a number; newer vectors are
read into a matrix, and removed passages are left out.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.store import cache, nearest
from retrieval.store.history import Moment, belongs, header, moment, removed_since
from retrieval.store.protocol import Scope, Scored
from retrieval.store.scoped import ScopedPassages
from retrieval.store.sql import Sql
from retrieval.store.vectors import SCALE, as_unit, count_vectors, iterate_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LONG_TAIL = 10_000  # vectors; reading more of them when the index is opened takes too long
_DEAD_SHARE = 0.1
_OVERGROWN = 2  # times the vectors that the cells were made for, and they are made anew

log = logging.getLogger("chatapp")


class _State(NamedTuple):
    """What was read so far; never changed, only replaced."""

    main: nearest.Nearest
    trained: int  # vectors when the cells were made
    ids: NDArray[np.int64]  # (m,) of the tail
    rows: NDArray[np.float32]  # (m, dimension) of the tail, unit vectors
    dead: NDArray[np.int64]  # removed since the cache was made
    seen: Moment


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
        self._state: _State | None = None
        self._scoped = ScopedPassages()

    def search(self, sql: Sql, vector: NDArray[np.float32], k: int, scope: Scope) -> list[Scored]:
        """Return the `k` nearest passages of `vector`, float32 (dimension,), best first."""
        try:
            return self._search(sql, vector, k, scope)
        except cache.CacheDamaged as error:
            log.warning("The vector cache %s is damaged: %s", self._path, error)
            self.rebuild(sql)
            return self._search(sql, vector, k, scope)

    def update(self, sql: Sql) -> None:
        """Write the cache anew when it lags behind or much of it was removed."""
        with self._lock:
            state = self._advance(sql, self._load(sql))
            held = len(state.main) + len(state.ids)
            # Vectors that were completed later belong to older passages than the tail looks at.
            missing = count_vectors(sql, self.dimension) + len(state.dead) - held
            outgrown = held > _OVERGROWN * max(state.trained, nearest.FLAT_LIMIT)
            if missing > 0 or outgrown:
                self._build(sql)
            elif len(state.ids) > _LONG_TAIL or len(state.dead) > _DEAD_SHARE * held:
                self._extend(sql, state)

    def rebuild(self, sql: Sql) -> None:
        """Build the cache anew, whatever its state."""
        with self._lock:
            self._build(sql)

    def _search(self, sql: Sql, vector: NDArray[np.float32], k: int, scope: Scope) -> list[Scored]:
        import numpy as np

        with self._lock:
            state = self._advance(sql, self._load(sql))
        if k <= 0:
            return []
        wanted = self._wanted(sql, state, scope)
        numbers, scores = state.main.search(vector, k + max(20, k // 2), wanted)
        tail = state.ids if wanted is None else state.ids[wanted[state.ids]]
        rows = state.rows if wanted is None else state.rows[wanted[state.ids]]
        numbers = np.concatenate([numbers, tail])
        scores = np.concatenate([scores, rows @ vector])
        order = np.lexsort((numbers, -scores))[:k]
        return [Scored(int(numbers[place]), float(scores[place])) for place in order]

    def _wanted(self, sql: Sql, state: _State, scope: Scope) -> NDArray[np.bool_] | None:
        """Return for every passage number whether it may be found, None when all may."""
        import numpy as np

        if scope.everything and not len(state.dead):
            return None
        wanted = np.full(state.seen.highest + 1, scope.everything)
        if not scope.everything:
            numbers = self._scoped.numbers(sql, scope)
            wanted[numbers[numbers < len(wanted)]] = True
        wanted[state.dead[state.dead < len(wanted)]] = False
        return wanted

    def _load(self, sql: Sql) -> _State:
        """Return what is held of the cache as it lies on disk now; build it when it is no good."""
        now = cache.signature(self._path) if self._path else None
        if self._state is None or now != self._signature:
            self._signature = now
            try:
                self._state = self._opened(sql)
            except cache.CacheDamaged as error:
                if now is not None:
                    log.info("The vector cache %s is of no use: %s", self._path, error)
                return self._build(sql)
        return self._state

    def _opened(self, sql: Sql) -> _State:
        """Return the cache as it was written.

        Raises:
            CacheDamaged: missing, damaged, or of another database or embedder.
        """
        if self._path is None:
            raise cache.CacheDamaged("there is none")
        file = cache.CacheFile(self._path)
        content = file.header.content
        ours = {"kind": "vectors", "embedder": self._embedder, "dimension": self.dimension}
        if ours != {name: content.get(name) for name in ours} or not belongs(sql, file.header):
            raise cache.CacheDamaged("it was made from something else")
        file.check("faiss", 0, content["lists"])
        faiss = nearest.load_faiss()
        index = faiss.read_index(str(self._path), faiss.IO_FLAG_MMAP_IFC)
        if index.ntotal != content["count"] or index.d != self.dimension:
            raise cache.CacheDamaged("it does not hold what it says")

        def check(start: int, end: int) -> None:
            file.check("faiss", start, end)

        main = nearest.Nearest(index, lists=content["lists"], check=check)
        seen = Moment(file.header.highest, file.header.removed)
        return self._fresh(main, content["trained"], seen)

    def _fresh(self, main: nearest.Nearest, trained: int, seen: Moment) -> _State:
        import numpy as np

        none = np.zeros(0, dtype=np.int64)
        rows = np.zeros((0, self.dimension), dtype=np.float32)
        return _State(main, trained, none, rows, none, seen)

    def _advance(self, sql: Sql, state: _State) -> _State:
        """Bring vectors added and passages removed since into the state."""
        import numpy as np

        now, before = moment(sql), state.seen.highest
        if now.highest > before:
            ids, rows = [state.ids], [state.rows]
            for numbers, vectors in iterate_vectors(sql, self.dimension, after=before):
                ids.append(numbers)
                rows.append(as_unit(vectors))
            # The last passages may still be without vectors: what has been seen ends with those.
            state = state._replace(ids=np.concatenate(ids), rows=np.concatenate(rows))
            if len(state.ids):
                seen = Moment(int(state.ids[-1]), state.seen.removed)
                state = state._replace(seen=seen)
        if now.removed > state.seen.removed:
            dead = removed_since(sql, state.seen.removed)  # what came after `before` never got here
            dead = np.union1d(state.dead, dead[dead <= before])
            state = state._replace(dead=dead, seen=Moment(state.seen.highest, now.removed))
        self._state = state
        return state

    def _build(self, sql: Sql) -> _State:
        vectors = count_vectors(sql, self.dimension)
        index = nearest.build(self.dimension, vectors, lambda: iterate_vectors(sql, self.dimension))
        return self._adopt(sql, index, vectors)

    def _extend(self, sql: Sql, state: _State) -> None:
        """Add the tail to a copy of the cells and write that; what needs more is built anew."""
        import numpy as np

        index = self._unmapped() if len(state.main) > nearest.FLAT_LIMIT else None
        if index is None or len(state.dead):
            self._build(sql)
            return
        nearest.add(index, [(state.ids, np.rint(state.rows * SCALE))])
        self._adopt(sql, index, state.trained)

    def _unmapped(self) -> Any:
        """Return the cached index in memory, where it can grow; None when the file is no good."""
        if self._path is None:
            return None
        try:
            cache.CacheFile(self._path).check_all("faiss")
        except cache.CacheDamaged:
            return None
        index = nearest.load_faiss().read_index(str(self._path))
        return index if cache.signature(self._path) == self._signature else None

    def _adopt(self, sql: Sql, index: Any, trained: int) -> _State:
        """Write an index that holds all vectors of this snapshot, and search it from now on."""
        row = sql.execute("SELECT coalesce(max(first_passage), 0) FROM vectors").fetchone()
        last = [ids for ids, _ in iterate_vectors(sql, self.dimension, after=int(row[0]) - 1)]
        highest = int(last[-1][-1]) if last else 0
        if self._path and self._writable:
            try:
                self._write(sql, index, trained, highest)
                self._signature = cache.signature(self._path)
                self._state = self._opened(sql)
                return self._state
            except OSError as error:  # a full disk must not stop a search
                log.warning("The vector cache %s was not written: %s", self._path, error)
                self._signature = cache.signature(self._path)
        seen = Moment(highest, moment(sql).removed)
        self._state = self._fresh(nearest.Nearest(index), trained, seen)
        return self._state

    def _write(self, sql: Sql, index: Any, trained: int, highest: int) -> None:
        assert self._path is not None
        data = nearest.load_faiss().serialize_index(index)
        content = {
            "kind": "vectors",
            "embedder": self._embedder,
            "dimension": self.dimension,
            "count": int(index.ntotal),
            "trained": trained,
            "lists": nearest.lists_in(index, data),
        }
        with cache.replacing(self._path, header(sql, highest, content)) as writer:
            writer.section("faiss", data)
