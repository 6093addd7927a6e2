"""The index as the rest of the app sees it: add, remove, search, fetch, report.

The thing to know: `Index` is safe to use from several threads (one connection each, one writer at
a time) and several processes may hold the same file open; searches see what is committed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from retrieval import upkeep
from retrieval.embedding import Embedder, load_embedder
from retrieval.ingest import add_paths, prepare
from retrieval.loaders import Loaded
from retrieval.search import Searcher
from retrieval.store import records, sources
from retrieval.store.database import IN_MEMORY, Connections, open_connections
from retrieval.store.dense import DenseIndex
from retrieval.store.lexical import document_frequencies
from retrieval.store.stemming import Stemmer
from retrieval.store.vectors import count_vectors
from retrieval.text import sanitize_text, sanitize_title
from retrieval.types import (
    Document,
    Hit,
    IndexStatus,
    IngestProgress,
    IngestReport,
    Passage,
    SearchMode,
)

_WORTH_MERGING = 10_000  # passages; fewer leave the full text compact enough


class Index:
    """Documents, their passages, full text and vectors in one SQLite file."""

    def __init__(self, connections: Connections, embedder: Embedder | None) -> None:
        """Use `Index.open`."""
        self._connections = connections
        self._embedder = embedder
        self._stemmer = Stemmer()
        self._dense = _dense_index(connections, embedder)
        self._searcher = Searcher(self._stemmer, embedder, self._dense)

    @classmethod
    def open(cls, path: Path, *, embedder_dir: Path | str, read_only: bool = False) -> Index:
        """Open the index at `path`; a missing file is created.

        Raises:
            IndexUnavailable: damaged, not an index, or not writable; the hint names the fix.
        """
        embedder = load_embedder(embedder_dir)
        return cls(open_connections(path, read_only=read_only), embedder)

    @classmethod
    def in_memory(cls, *, embedder_dir: Path | str) -> Index:
        """Make an empty index that never touches the disk and ends with the process.

        Only the thread that makes it can use it; any may close it.
        """
        return cls.open(IN_MEMORY, embedder_dir=embedder_dir)

    def add(
        self,
        paths: Sequence[Path],
        *,
        collection: str = "files",
        progress: Callable[[IngestProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> IngestReport:
        """Add files and folders; what has not changed is skipped, what vanished is removed.

        An input that cannot be taken is reported in `problems`; the rest goes on. When stopped or
        killed, everything up to the last committed batch stays and the same call continues.
        """
        if self._embedder:
            upkeep.claim_vectors(self._connections, self._embedder)
        report = add_paths(
            self._connections,
            self._embedder,
            paths,
            sanitize_text(collection),
            progress,
            should_stop,
        )
        if report.interrupted:
            return report
        stop = should_stop or _never
        self._tidy(stop, merge=report.passages >= _WORTH_MERGING)
        return replace(report, interrupted=stop())

    def add_text(self, uri: str, title: str, text: str, *, collection: str) -> str:
        """Add or update one document that is no file; return its id."""
        item = Loaded("", sanitize_text(uri), sanitize_title(title), sanitize_text(text).strip())
        key = records.document_key(collection, item.uri)
        if self._embedder and upkeep.claim_vectors(self._connections, self._embedder):
            upkeep.complete_vectors(self._connections, self._embedder, _never)
        [new] = prepare(self._embedder, collection, [(key, item)])
        with self._connections.writing() as database:
            stored = records.stored_documents(database, [key])
            if key in stored and stored[key].digest == new.digest:
                return key
            records.delete_documents(database, [row.id for row in stored.values()])
            records.insert_document(database, new, source=None, run=0)
        return key

    def remove(self, target: str) -> int:
        """Remove by address, document id, file or folder; return how many documents went.

        Adding the file again brings them back; of a record file that keeps other documents, only
        when it has changed.
        """
        if not target.strip() or sanitize_text(target) != target:
            return 0  # no path, and no text that could be in the index
        with self._connections.writing() as database:
            database.execute("PRAGMA secure_delete=ON")  # what a person removes is overwritten
            count = 0
            for path in _as_stored(target):
                for source_id in sources.sources_at(database, path):
                    count += sources.delete_source(database, source_id)
            rows = database.execute(
                "SELECT id FROM documents WHERE key = ? OR uri = ?", [target, target]
            )
            count += records.delete_documents(database, [row[0] for row in rows.fetchall()])
            sources.forget_empty(database)
        if count:
            # Full text keeps the words of deleted passages until their segments are merged.
            self._tidy(_never, merge=True)
        with self._connections.reading() as database:
            database.execute("PRAGMA secure_delete=FAST")
        return count

    def search(
        self,
        query: str,
        k: int = 8,
        *,
        mode: SearchMode = "hybrid",
        collections: Sequence[str] = (),
    ) -> list[Hit]:
        """Return the `k` best passages, best first; `collections` empty means all of them.

        Without an embedder, or while its vectors are being made, hybrid search is lexical.
        """
        with self._connections.reading() as database:
            wanted = [sanitize_text(name) for name in collections]
            return self._searcher.search(database, sanitize_text(query), k, mode, wanted)

    def document(self, document_id: str) -> Document:
        """Return a document by id.

        Raises:
            NotInIndex: there is none.
        """
        with self._connections.reading() as database:
            return records.fetch_document(database, document_id)

    def passage(self, passage_id: str) -> Passage:
        """Return a passage by id.

        Raises:
            NotInIndex: there is none.
        """
        with self._connections.reading() as database:
            return records.fetch_passage(database, passage_id)

    def stems(self, words: Iterable[str]) -> list[str]:
        """Return the words as the full-text index folds them."""
        return self._stemmer.stems(words)

    def rarity(self, stems: Sequence[str]) -> dict[str, float]:
        """Return the inverse document frequency of each stem, from 0 (everywhere) up."""
        with self._connections.reading() as database:
            total = int(database.execute("SELECT count(*) FROM passages").fetchone()[0])
            frequency = document_frequencies(database, stems)
        return {stem: math.log1p((total + 0.5) / (frequency.get(stem, 0) + 0.5)) for stem in stems}

    def status(self) -> IndexStatus:
        """Return sizes and health."""
        with self._connections.reading() as database:
            documents, passages = (
                int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
                for name in ("documents", "passages")
            )
            vectors = count_vectors(database, self._embedder.dimension) if self._embedder else 0
            collections = dict(
                database.execute(
                    "SELECT collection, count(*) FROM documents GROUP BY collection ORDER BY 1"
                ).fetchall()
            )
        return IndexStatus(
            path=str(self._connections.path),
            documents=documents,
            passages=passages,
            vectors=vectors,
            bytes_on_disk=_bytes_on_disk(self._connections.path),
            embedder=self._embedder.id if self._embedder else "none",
            dimension=self._embedder.dimension if self._embedder else 0,
            collections=collections,
        )

    def rebuild(self, progress: Callable[[IngestProgress], None] | None = None) -> IndexStatus:
        """Derive vectors and caches anew from the stored text, and make full text compact."""
        if self._embedder:
            upkeep.claim_vectors(self._connections, self._embedder)
        self._tidy(_reporter(self, progress), merge=True)
        if self._dense:
            with self._connections.reading() as database:
                self._dense.rebuild(database)
        return self.status()

    def _tidy(self, stop: Callable[[], bool], *, merge: bool) -> None:
        if self._embedder:
            upkeep.complete_vectors(self._connections, self._embedder, stop)
        if merge:
            upkeep.merge_full_text(self._connections, stop)
        if self._dense and not stop():
            with self._connections.reading() as database:
                self._dense.update(database)
        self._connections.checkpoint()

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


def _never() -> bool:
    return False


def _reporter(
    index: Index, progress: Callable[[IngestProgress], None] | None
) -> Callable[[], bool]:
    """Return a step function that reports the state of a rebuild and never stops it."""

    def step() -> bool:
        if progress:
            status = index.status()
            progress(
                IngestProgress(
                    status.path, status.documents, status.passages, status.vectors, status.passages
                )
            )
        return False

    return step


def _dense_index(connections: Connections, embedder: Embedder | None) -> DenseIndex | None:
    if embedder is None:
        return None
    on_disk = connections.path != IN_MEMORY
    cache = connections.path.with_suffix(".faiss") if on_disk else None
    return DenseIndex(cache, embedder.id, embedder.dimension, writable=not connections.read_only)


def _as_stored(target: str) -> set[str]:
    """Return the forms in which `target` may be stored as a path, links followed or not."""
    path = Path(os.path.abspath(os.path.expanduser(target)))  # noqa: PTH100, PTH111 - never raises
    try:
        return {str(path), str(path.parent.resolve() / path.name), str(path.resolve())}
    except (OSError, RuntimeError):  # a link that leads back to itself
        return {str(path)}


def _bytes_on_disk(path: Path) -> int:
    total = 0
    for file in path.parent.glob(f"{path.stem}*"):
        with suppress(FileNotFoundError):  # temporary files come and go
            total += file.stat().st_size
    return total
