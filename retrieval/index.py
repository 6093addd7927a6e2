"""The index as the rest of the app sees it: add, remove, search, fetch, report.

The thing to know: `Index` is safe to use from several threads (one connection each, one writer at
a time) and several processes may hold the same file open; searches see what is committed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from retrieval import upkeep
from retrieval.batches import prepare
from retrieval.embedding import Embedder, load_embedder
from retrieval.hops import READ, two_hops
from retrieval.ingest import add_paths, delete_source, known_problems
from retrieval.loaders import Loaded
from retrieval.search import Searcher
from retrieval.store.database import IN_MEMORY
from retrieval.store.embedded import SqliteStore
from retrieval.store.protocol import Scope, Store
from retrieval.store.records import document_key
from retrieval.store.stemming import Stemmer
from retrieval.terms import content_words
from retrieval.text import sanitize_text, sanitize_title
from retrieval.types import (
    Document,
    Filters,
    Hit,
    IndexStatus,
    IngestProblem,
    IngestProgress,
    IngestReport,
    Passage,
    SearchMode,
)

_WORTH_MERGING = 10_000  # passages; fewer leave the full text compact enough


class Index:
    """Documents, their passages, full text and vectors in one store."""

    def __init__(self, store: Store, embedder: Embedder | None) -> None:
        """Use `Index.open`; `store` has to be opened for the vectors of `embedder`."""
        self._store = store
        self._embedder = embedder
        self._stemmer = Stemmer()
        self._searcher = Searcher(embedder)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        embedder_dir: Path | str,
        read_only: bool = False,
        dsn: str = "",
        through: Callable[[Embedder], Embedder] | None = None,
    ) -> Index:
        """Open the index at `path`, or in the PostgreSQL database `dsn`; what is missing is made.

        `through` may put something before the embedder that makes the same vectors elsewhere.

        Raises:
            IndexUnavailable: damaged, not an index, out of reach, or not writable; the hint names
                the fix.
        """
        embedder = load_embedder(embedder_dir)
        if embedder and through:
            embedder = through(embedder)
        name, dimension = (embedder.id, embedder.dimension) if embedder else ("", 0)
        if not dsn:
            store: Store = SqliteStore.open(
                path, embedder=name, dimension=dimension, read_only=read_only
            )
            return cls(store, embedder)
        from retrieval.store.postgres.store import PostgresStore

        store = PostgresStore.open(dsn, embedder=name, dimension=dimension, read_only=read_only)
        return cls(store, embedder)

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
            upkeep.claim_vectors(self._store)
        report = add_paths(
            self._store,
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

    def add_text(
        self,
        uri: str,
        title: str,
        text: str,
        *,
        collection: str,
        date: str = "",
        language: str = "",
    ) -> str:
        """Add or update one document that is no file; return its id."""
        item = Loaded(
            address="",
            uri=sanitize_text(uri),
            title=sanitize_title(title),
            text=sanitize_text(text).strip(),
            date=date,
            language=language,
        )
        key = document_key(collection, item.uri)
        if self._embedder and upkeep.claim_vectors(self._store):
            upkeep.complete_vectors(self._store, self._embedder, _never)
        [new] = prepare(self._embedder, collection, [(key, item)])
        with self._store.writing() as transaction:
            stored = transaction.stored([key])
            if key in stored and stored[key].digest == new.digest:
                return key
            transaction.delete([row.id for row in stored.values()])
            transaction.add(new, source=None, run=0)
        return key

    def remove(self, target: str) -> int:
        """Remove by address, document id, file or folder; return how many documents went.

        Adding the file again brings them back; of a record file that keeps other documents, only
        when it has changed.
        """
        if not target.strip() or not _can_be_stored(target):
            return 0
        with self._store.writing(erase=True) as transaction:
            journal = transaction.journal
            count = sum(
                delete_source(transaction, source)
                for path in _as_stored(target)
                for source in journal.at(path)
            )
            count += transaction.delete(transaction.find(target))
            journal.forget_empty()
        if count:
            # Full text keeps the words of deleted passages until its segments are merged.
            self._tidy(_never, merge=True)
        return count

    def search(
        self,
        query: str,
        k: int = 8,
        *,
        mode: SearchMode = "hybrid",
        collections: Sequence[str] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
        hops: Literal[1, 2] = 1,
    ) -> list[Hit]:
        """Return the `k` best passages, best first; `collections` empty means all of them.

        Without an embedder, or while its vectors are being made, hybrid search is lexical. With two
        `hops`, names in what was found are searched for as well; see `retrieval.hops`.
        """
        scope = Scope(tuple(sanitize_text(name) for name in collections), filters)
        question = sanitize_text(query)
        with self._store.reading() as snapshot:
            search = partial(self._searcher.search, snapshot, mode=mode, scope=scope)
            if hops == 1 or k <= 0:
                return search(question, k)
            return two_hops(
                question,
                search(question, max(k, READ)),
                k,
                search=search,
                stems=self._stems_of,
                weights=self.rarity(sorted(self._stems_of(question))),
            )

    def document(self, document_id: str) -> Document:
        """Return a document by id.

        Raises:
            NotInIndex: there is none.
        """
        with self._store.reading() as snapshot:
            return snapshot.document(document_id)

    def passage(self, passage_id: str) -> Passage:
        """Return a passage by id.

        Raises:
            NotInIndex: there is none.
        """
        with self._store.reading() as snapshot:
            return snapshot.passage(passage_id)

    def openings(self, document_ids: Sequence[str]) -> list[Passage]:
        """Return the first passage of each document that exists, in their order."""
        if not document_ids:
            return []
        with self._store.reading() as snapshot:
            return snapshot.openings(document_ids)

    def stems(self, words: Iterable[str]) -> list[str]:
        """Return the words as the full-text index folds them."""
        return self._stemmer.stems(words)

    def _stems_of(self, text: str) -> set[str]:
        return set(self._stemmer.stems(content_words(text)))

    def rarity(self, stems: Sequence[str]) -> dict[str, float]:
        """Return the inverse document frequency of each stem, from 0 (everywhere) up."""
        with self._store.reading() as snapshot:
            total = snapshot.count_passages()
            frequency = snapshot.frequencies(stems)
        return {stem: math.log1p((total + 0.5) / (frequency.get(stem, 0) + 0.5)) for stem in stems}

    def status(self) -> IndexStatus:
        """Return sizes and health."""
        with self._store.reading() as snapshot:
            stats = snapshot.stats()
        return IndexStatus(
            path=self._store.location,
            documents=stats.documents,
            passages=stats.passages,
            vectors=stats.vectors,
            bytes_on_disk=stats.bytes_on_disk,
            embedder=self._embedder.id if self._embedder else "none",
            dimension=self._embedder.dimension if self._embedder else 0,
            collections=stats.collections,
            problems=len(self.problems()),
        )

    def problems(self) -> list[IngestProblem]:
        """Return what was wrong with files when they were last read."""
        return known_problems(self._store)

    def rebuild(self, progress: Callable[[IngestProgress], None] | None = None) -> IndexStatus:
        """Derive vectors and caches anew from the stored text, and make full text compact."""
        step = _reporter(self, progress)
        if self._embedder:
            upkeep.claim_vectors(self._store)
            upkeep.complete_vectors(self._store, self._embedder, step)
        self._store.rebuild(step)
        return self.status()

    def _tidy(self, stop: Callable[[], bool], *, merge: bool) -> None:
        if self._embedder:
            upkeep.complete_vectors(self._store, self._embedder, stop)
        self._store.tidy(stop, merge=merge)

    def close(self) -> None:
        """Close all connections."""
        self._store.close()


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


def _can_be_stored(target: str) -> bool:
    """Whether a path or an address may be that; names of files may hold any character but these."""
    return "\0" not in target and not any("\ud800" <= char <= "\udfff" for char in target)


def _as_stored(target: str) -> set[str]:
    """Return the forms in which `target` may be stored as a path, links followed or not."""
    path = Path(os.path.abspath(os.path.expanduser(target)))  # noqa: PTH100, PTH111 - never raises
    try:
        return {str(path), str(path.parent.resolve() / path.name), str(path.resolve())}
    except (OSError, RuntimeError):  # a link that leads back to itself
        return {str(path)}
