"""The embedded store: one SQLite file holds documents, passages, full text and vectors.

The thing to know: the file is the truth. What speeds searches up beside it (`dense`) is a cache
that is made anew on any doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlite_utils import Database

from retrieval.segment import segmented
from retrieval.store import lexical, records, segments
from retrieval.store.database import IN_MEMORY, Connections, open_connections
from retrieval.store.dense import DenseIndex
from retrieval.store.fulltext import FullText
from retrieval.store.protocol import (
    NewDocument,
    Scope,
    Scored,
    Stats,
    Stop,
    Unembedded,
)
from retrieval.store.session import RecordSession
from retrieval.store.stemming import Stemmer
from retrieval.store.vectors import count_vectors, insert_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Caches(NamedTuple):
    """What searches go through."""

    stemmer: Stemmer
    full_text: FullText
    dense: DenseIndex


class SqliteStore:
    """A `Store` in one SQLite file, with its vector cache beside it."""

    def __init__(self, connections: Connections, embedder: str, dimension: int) -> None:
        """Use `SqliteStore.open`."""
        self._connections = connections
        self._embedder = embedder
        self._dimension = dimension
        self._stemmer = Stemmer()
        self._shared = self._caches(None if connections.path == IN_MEMORY else connections.path)

    @classmethod
    def open(
        cls, path: Path, *, embedder: str = "", dimension: int = 0, read_only: bool = False
    ) -> SqliteStore:
        """Open the file at `path` for vectors of the embedder with this id ("" for none).

        Raises:
            IndexUnavailable: damaged, not an index, or not writable; the hint names the fix.
        """
        return cls(open_connections(path, read_only=read_only), embedder, dimension)

    @property
    def location(self) -> str:
        """The path of the file."""
        return str(self._connections.path)

    @contextmanager
    def reading(self) -> Iterator[SqliteSession]:
        """Hold one snapshot."""
        with self._connections.reading() as database:
            yield self._session(database, self._shared)

    @contextmanager
    def writing(self, *, erase: bool = False) -> Iterator[SqliteSession]:
        """Hold one transaction; `erase` overwrites what is freed, until the next `tidy`."""
        with self._connections.writing() as database:
            if erase:
                database.execute("PRAGMA secure_delete=ON")
            # What is not committed yet must not get into a cache that others share.
            yield self._session(database, self._caches(None))

    def tidy(self, stop: Stop, *, merge: bool) -> None:
        """Make full text compact, bring caches up to date and shorten the write-ahead log."""
        if merge:
            self._merge_full_text(stop)
        self._connections.checkpoint()  # what a cache holds should not be lost before the cache
        if not stop():
            with self._connections.reading() as database:
                session = self._session(database, self._shared)
                if self._embedder:
                    self._shared.dense.update(session)
                self._shared.full_text.update(session)
        with self._connections.reading() as database:
            database.execute("PRAGMA secure_delete=FAST")

    def rebuild(self, stop: Stop) -> None:
        """Make full text compact and all caches anew."""
        self._merge_full_text(stop)
        self._connections.checkpoint()
        with self._connections.reading() as database:
            session = self._session(database, self._shared)
            if self._embedder:
                self._shared.dense.rebuild(session)
            self._shared.full_text.rebuild(session)

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def _session(self, database: Database, caches: _Caches) -> SqliteSession:
        return SqliteSession(database, self._connections.path, self._embedder, caches)

    def _caches(self, path: Path | None) -> _Caches:
        """Return what searches go through; files beside `path`, or none."""
        writable = not self._connections.read_only
        vectors = path.with_suffix(".faiss") if path else None
        postings = path.with_suffix(".postings") if path else None
        return _Caches(
            self._stemmer,
            FullText(postings, writable=writable),
            DenseIndex(vectors, self._embedder, self._dimension, writable=writable),
        )

    def _merge_full_text(self, stop: Stop) -> None:
        """Merge the full-text segments into one, in small transactions; may be cut short."""
        with self._connections.writing() as database:
            found = segments.levels(database)
            session = self._session(database, self._caches(None))
            if found >= segments.MOST_LEVELS or (found > 1 and not session.count_passages()):
                session.refill()
                return
        first = True
        while not stop():
            with self._connections.writing() as database:
                if not segments.merge_some(database, first=first):
                    return
            first = False


class SqliteSession(RecordSession):
    """A `Transaction` (and so a `Snapshot`) on one connection."""

    def __init__(self, database: Database, path: Path, embedder: str, caches: _Caches) -> None:
        super().__init__(embedder)
        self._database = database
        self._path = path
        self._caches = caches

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement."""
        return self._database.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        self._database.conn.executemany(sql, rows)

    def lexical(self, words: Sequence[str], k: int, scope: Scope) -> list[Scored]:
        """Return the best passages by BM25."""
        stems = self._caches.stemmer.stems(words)
        found = self._caches.full_text.search(self, stems, k, scope)
        return lexical.search_fts(self, words, k, scope) if found is None else found

    def dense(self, vector: NDArray[np.float32], k: int, scope: Scope) -> list[Scored]:
        """Return the nearest passages; none while the vectors are another embedder's."""
        if not self.has_vectors():
            return []
        return self._caches.dense.search(self, vector, k, scope)

    def unembedded(self, limit: int) -> list[Unembedded]:
        """Return documents that have passages without vectors."""
        rows = self.execute(
            "SELECT id FROM documents WHERE id NOT IN (SELECT document_id FROM vectors)"
            " AND EXISTS (SELECT 1 FROM passages WHERE document_id = documents.id) LIMIT ?",
            [limit],
        )
        return [records.to_embed(self, row[0]) for row in rows.fetchall()]

    def frequencies(self, stems: Sequence[str]) -> dict[str, int]:
        """Return in how many passages each stem occurs."""
        found = self._caches.full_text.frequencies(self, stems)
        return lexical.document_frequencies(self, stems) if found is None else found

    def count_passages(self) -> int:
        """Return how many passages there are."""
        return records.count(self, "passages")

    def stats(self) -> Stats:
        """Return how much there is."""
        dimension = self._caches.dense.dimension
        return Stats(
            documents=records.count(self, "documents"),
            passages=self.count_passages(),
            vectors=count_vectors(self, dimension) if dimension else 0,
            bytes_on_disk=_bytes_on_disk(self._path),
            collections=records.collections(self),
        )

    def add(self, new: NewDocument, source: int | None, run: int) -> None:
        """Write a document with its passages, postings and vectors."""
        document = records.insert_document(self, new, source, run)
        first = self._next_passage()
        numbers = range(first, first + len(new.chunks))
        records.insert_passages(self, document, numbers, list(new.chunks))
        self._read_in(
            (n, new.title, piece.heading, new.text[piece.start : piece.end])
            for n, piece in zip(numbers, new.chunks, strict=True)
        )
        if new.vectors:
            insert_vectors(self, document, first, new.vectors)

    def refill(self) -> None:
        """Empty the full text and fill it anew from the passages."""
        self.execute("INSERT INTO passages_fts (passages_fts) VALUES ('delete-all')")
        self._read_in(records.iterate_passages(self, 0))

    def _read_in(self, passages: Iterable[tuple[int, str, str, str]]) -> None:
        """Put passages, by number with title, heading and text, into the full text."""
        self.executemany(
            "INSERT INTO passages_fts (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
            ((number, *map(segmented, fields)) for number, *fields in passages),
        )

    def delete(self, documents: Iterable[int]) -> int:
        """Delete documents with everything made from them; return how many."""
        count = 0
        for row_id in documents:
            title, text, passages = records.fetch_parts(self, row_id)
            self.executemany(
                "INSERT INTO passages_fts (passages_fts, rowid, title, heading, text)"
                " VALUES ('delete', ?, ?, ?, ?)",
                [
                    (n, *map(segmented, (title, c.heading, text[c.start : c.end])))
                    for n, c in passages
                ],
            )
            if passages:
                self.execute(
                    "INSERT INTO removals (first, last) VALUES (?, ?)",
                    [passages[0][0], passages[-1][0]],
                )
            records.delete_document(self, row_id)
            count += 1
        return count

    def claim(self) -> bool:
        """Throw vectors of other embedders away; return whether there were any."""
        if not self._embedder or self.has_vectors():
            return False
        had_others = bool(records.get_meta(self, "embedder"))
        self.execute("DELETE FROM vectors")
        records.set_meta(self, "embedder", self._embedder)
        return had_others

    def add_vectors(self, document: int, first: int, data: bytes) -> None:
        """Store vectors made later, unless the document has changed or gone since."""
        if records.passage_numbers(self, document)[:1] == [first] and self.has_vectors():
            insert_vectors(self, document, first, data)

    def _next_passage(self) -> int:
        row = self.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
        return int(row[0]) + 1 if row else 1


def _bytes_on_disk(path: Path) -> int:
    total = 0
    for file in path.parent.glob(f"{path.stem}*"):
        with suppress(FileNotFoundError):  # temporary files come and go
            total += file.stat().st_size
    return total
