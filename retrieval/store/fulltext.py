"""Fast full text: a memory-mapped copy of the postings, kept beside the database.

The thing to know: FTS5 is the truth and answers whenever there is no copy, or one that lags far
behind; the scores are the same either way, only the copy is read an order of magnitude faster. It
covers passages up to a number. Newer ones are cut into words again, by the same tokenizer, into
small segments in memory; removed ones are left out.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.segment import segmented
from retrieval.store import cache
from retrieval.store.history import Moment, belongs, header, moment, removed_since
from retrieval.store.protocol import Scope, Scored
from retrieval.store.records import count, iterate_passages
from retrieval.store.scoped import ScopedPassages
from retrieval.store.sql import Sql
from retrieval.store.stemming import TOKENIZER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.store.postings.bm25 import Stored
    from retrieval.store.postings.build import Draft
    from retrieval.store.postings.segment import Segment

SMALLEST = 20_000  # passages; below, FTS5 itself answers in a few milliseconds
_LONG_TAIL = 4_000  # passages; cutting more into words when the index is opened takes too long
_LONGEST_TAIL = 20_000  # then FTS5 answers until the copy is brought up to date
_MERGEABLE = 100_000  # beyond, reading FTS5 anew is quicker than cutting into words
_DEAD_SHARE = 0.1

log = logging.getLogger("chatapp")


class _State(NamedTuple):
    """What was read so far; never changed, only replaced."""

    segments: tuple[Segment, ...]
    alive: tuple[NDArray[np.bool_] | None, ...]
    seen: Moment


class FullText:
    """The postings of one database; thread-safe."""

    def __init__(self, path: Path | None, *, writable: bool) -> None:
        """`path` is the file of the copy, None for none; nothing is read until the first search."""
        self._path = path
        self._writable = writable
        self._lock = threading.Lock()
        self._signature: tuple[int, int, int] | None = None
        self._state: _State | None = None
        self._scoped = ScopedPassages()

    def search(self, sql: Sql, stems: Sequence[str], k: int, scope: Scope) -> list[Scored] | None:
        """Return the `k` best passages, best first; None when FTS5 has to be asked."""
        from retrieval.store.postings import bm25

        try:
            state = self._current(sql)
            if state is None:
                return None
            return bm25.search(self._stored(sql, state, scope), stems, k)
        except cache.CacheDamaged as error:
            self._drop(error)
            return None

    def frequencies(self, sql: Sql, stems: Sequence[str]) -> dict[str, int] | None:
        """Return in how many passages each stem occurs; None when FTS5 has to be asked."""
        from retrieval.store.postings import bm25

        try:
            state = self._current(sql)
            if state is None:
                return None
            return bm25.frequencies(self._stored(sql, state, Scope()), stems)
        except cache.CacheDamaged as error:
            self._drop(error)
            return None

    def update(self, sql: Sql) -> None:
        """Write the copy anew when it is missing, lags behind, or much of it was removed."""
        passages = count(sql, "passages")
        if self._path is None or not self._writable or passages < SMALLEST:
            return
        try:
            self._bring_up_to_date(sql, passages)
        except cache.CacheDamaged as error:
            self._drop(error)
            self.rebuild(sql)

    def rebuild(self, sql: Sql) -> None:
        """Write the copy anew from FTS5, whatever its state."""
        from retrieval.store.postings.build import from_full_text

        if self._path is None or not self._writable or count(sql, "passages") < SMALLEST:
            return
        sql.execute("DROP TABLE IF EXISTS temp.occurrences")
        sql.execute(
            "CREATE VIRTUAL TABLE temp.occurrences USING fts5vocab (main, passages_fts, 'instance')"
        )
        self._write(sql, from_full_text(sql, "passages_fts", "temp.occurrences"))

    def _bring_up_to_date(self, sql: Sql, passages: int) -> None:
        from retrieval.store.postings.build import merged

        with self._lock:
            state = self._load(sql)
        behind = passages if state is None else moment(sql).highest - state.seen.highest
        if state is None or behind > min(_MERGEABLE, len(state.segments[0])):
            self.rebuild(sql)
            return
        with self._lock:
            state = self._advance(sql, state)
        held = sum(map(len, state.segments))
        if held - len(state.segments[0]) > _LONG_TAIL or held - passages > _DEAD_SHARE * held:
            dead = removed_since(sql, 0)
            self._write(sql, merged(state.segments, dead))

    def _current(self, sql: Sql) -> _State | None:
        """Return the state of this snapshot, None when there is no copy or it lags too far."""
        if self._path is None:
            return None
        with self._lock:
            state = self._load(sql)
            if state is None or moment(sql).highest - state.seen.highest > _LONGEST_TAIL:
                return None
            return self._advance(sql, state)

    def _load(self, sql: Sql) -> _State | None:
        """Return what is held of the copy as it lies on disk now, None when there is none."""
        assert self._path is not None
        now = cache.signature(self._path)
        if now != self._signature:
            self._signature, self._state = now, None
            if now is not None:
                try:
                    self._state = _opened(sql, self._path)
                except cache.CacheDamaged as error:
                    log.info("The full-text cache %s is of no use: %s", self._path, error)
        return self._state

    def _advance(self, sql: Sql, state: _State) -> _State:
        """Bring passages added and removed since into the state."""

        now = moment(sql)
        if now.highest > state.seen.highest:
            added = cut_into_words(iterate_passages(sql, state.seen.highest))
            if len(added):
                segments, alive = (*state.segments, added), (*state.alive, None)
                state = _State(*_compact(segments, alive), state.seen)
            state = state._replace(seen=Moment(now.highest, state.seen.removed))
        if now.removed > state.seen.removed:
            dead = removed_since(sql, state.seen.removed)
            alive = tuple(
                _without(segment, held, dead)
                for segment, held in zip(state.segments, state.alive, strict=True)
            )
            state = _State(state.segments, alive, Moment(state.seen.highest, now.removed))
        self._state = state
        return state

    def _stored(self, sql: Sql, state: _State, scope: Scope) -> list[Stored]:
        from retrieval.store.postings.bm25 import Stored

        numbers = None if scope.everything else self._scoped.numbers(sql, scope)
        return [
            Stored(segment, alive, None if numbers is None else _among(segment, numbers))
            for segment, alive in zip(state.segments, state.alive, strict=True)
        ]

    def _write(self, sql: Sql, draft: Draft) -> None:
        from retrieval.store.postings.build import written

        assert self._path is not None
        highest = int(draft.ids[-1]) if len(draft.ids) else 0
        try:
            with cache.replacing(self._path, header(sql, highest, {"kind": "postings"})) as writer:
                with writer.stream("data", "|u1") as write:
                    parts = written(draft, write)
                for name, array in parts._asdict().items():
                    if name != "data":
                        writer.section(name, array)
        except OSError as error:  # a full disk must not stop anything: FTS5 answers
            log.warning("The full-text cache %s was not written: %s", self._path, error)

    def _drop(self, error: cache.CacheDamaged) -> None:
        """Forget a copy that turned out to be damaged; the next update writes it anew."""
        log.warning("The full-text cache %s is damaged: %s", self._path, error)
        with self._lock:
            self._state = None


def cut_into_words(passages: Iterable[tuple[int, str, str, str]]) -> Segment:
    """Return passages (number, title, heading, text) as a segment, cut by FTS5's tokenizer."""
    from retrieval.store.postings.build import from_full_text, in_memory

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute(
            "CREATE VIRTUAL TABLE fresh USING fts5"
            f" (title, heading, text, content='', tokenize='{TOKENIZER}')"
        )
        database.execute("CREATE VIRTUAL TABLE occurrences USING fts5vocab (fresh, 'instance')")
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO fresh (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
            ((number, *map(segmented, fields)) for number, *fields in passages),
        )
        return in_memory(from_full_text(database, "fresh", "occurrences"))


def _opened(sql: Sql, path: Path) -> _State | None:
    """Return a copy as it was written, None when it is another database's.

    Raises:
        CacheDamaged: header or one of the parts that are read at once.
    """
    from retrieval.store.postings.segment import Parts, Segment

    file = cache.CacheFile(path)
    if file.header.content.get("kind") != "postings" or not belongs(sql, file.header):
        return None
    for name in ("ids", "lengths"):
        file.check_all(name)
    arrays: dict[str, Any] = {name: file.array(name) for name in Parts._fields}
    segment = Segment(Parts(**arrays), file.check)
    return _State((segment,), (None,), Moment(file.header.highest, file.header.removed))


def _compact(
    segments: tuple[Segment, ...], alive: tuple[NDArray[np.bool_] | None, ...]
) -> tuple[tuple[Segment, ...], tuple[NDArray[np.bool_] | None, ...]]:
    """Keep the number of small segments small: one for every power of eight of their sizes."""
    from retrieval.store.postings.build import in_memory, merged

    while len(segments) > 2 and len(segments[-2]) < 8 * len(segments[-1]):
        import numpy as np

        dead = [
            segment.parts.ids[~held]
            for segment, held in zip(segments[-2:], alive[-2:], strict=True)
            if held is not None
        ]
        gone = np.concatenate(dead) if dead else np.zeros(0, dtype=np.int64)
        segments = (*segments[:-2], in_memory(merged(segments[-2:], gone)))
        alive = (*alive[:-2], None)
    return segments, alive


def _without(
    segment: Segment, alive: NDArray[np.bool_] | None, dead: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """Return which passages of a segment are alive after some died, None for all."""

    gone = _among(segment, dead)
    if not gone.any():
        return alive
    left: NDArray[np.bool_] = ~gone if alive is None else alive & ~gone
    return left


def _among(segment: Segment, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which passages of a segment are among `numbers`."""
    import numpy as np

    found = np.zeros(len(segment), dtype=bool)
    place = np.searchsorted(segment.parts.ids, numbers)
    place, numbers = place[place < len(segment)], numbers[place < len(segment)]
    found[place[segment.parts.ids[place] == numbers]] = True
    return found
