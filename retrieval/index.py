"""The index as the rest of the app sees it: add, remove, search, fetch, report.

The thing to know: `Index` is safe to use from several threads (one connection each, one writer at
a time) and several processes may hold the same file open; searches see what is committed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from retrieval.embedding import Embedder, load_embedder
from retrieval.ingest import add_paths, prepare
from retrieval.loaders import Loaded
from retrieval.store import records, sources
from retrieval.store.database import Connections, open_connections
from retrieval.store.lexical import document_frequencies, search_lexical
from retrieval.store.stemming import Stemmer
from retrieval.text import sanitize_text
from retrieval.types import (
    Document,
    Hit,
    IndexStatus,
    IngestProgress,
    IngestReport,
    Passage,
    SearchMode,
)


class Index:
    """Documents, their passages, full text and vectors in one SQLite file."""

    def __init__(self, connections: Connections, embedder: Embedder | None) -> None:
        """Use `Index.open`."""
        self._connections = connections
        self._embedder = embedder
        self._stemmer = Stemmer()

    @classmethod
    def open(cls, path: Path, *, embedder_dir: Path, read_only: bool = False) -> Index:
        """Open the index at `path`; a missing file is created.

        Raises:
            IndexUnavailable: damaged, not an index, or not writable; the hint names the fix.
        """
        connections = open_connections(path, read_only=read_only)
        return cls(connections, load_embedder(embedder_dir))

    def add(
        self,
        paths: Sequence[Path],
        *,
        collection: str = "files",
        progress: Callable[[IngestProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> IngestReport:
        """Add files and folders; what has not changed is skipped, what vanished is removed.

        An input that cannot be taken is reported in `problems`; the rest goes on.
        """
        return add_paths(
            self._connections, self._embedder, paths, collection, progress, should_stop
        )

    def add_text(self, uri: str, title: str, text: str, *, collection: str) -> str:
        """Add or update one document that is no file; return its id."""
        item = Loaded("", sanitize_text(uri), sanitize_text(title), sanitize_text(text).strip())
        key = records.document_key(collection, item.uri)
        [new] = prepare(self._embedder, collection, [(key, item)])
        with self._connections.writing() as database:
            stored = records.stored_documents(database, [key])
            if key in stored and stored[key].digest == new.digest:
                return key
            records.delete_documents(database, [row.id for row in stored.values()])
            records.insert_document(database, new, source=None, run=0)
        return key

    def remove(self, target: str) -> int:
        """Remove by address, document id, file or folder; return how many documents went."""
        path = str(Path(target).expanduser().absolute())
        with self._connections.writing() as database:
            count = 0
            for source_id in sources.sources_at(database, path):
                count += sources.delete_source(database, source_id)
            rows = database.execute(
                "SELECT id FROM documents WHERE key = ? OR uri = ?", [target, target]
            )
            count += records.delete_documents(database, [row[0] for row in rows.fetchall()])
        return count

    def search(
        self,
        query: str,
        k: int = 8,
        *,
        mode: SearchMode = "hybrid",
        collections: Sequence[str] = (),
    ) -> list[Hit]:
        """Return the `k` best passages, best first; `collections` empty means all of them."""
        with self._connections.reading() as database:
            lexical = search_lexical(database, query, k, collections)
            found = records.fetch_passages(database, [hit.passage for hit in lexical])
        return [
            Hit(found[hit.passage], hit.score, lexical_rank=rank, lexical_score=hit.score)
            for rank, hit in enumerate(lexical, 1)
            if hit.passage in found
        ]

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
            documents, passages, vectors = (
                int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
                for name in ("documents", "passages", "vectors")
            )
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
        """Make full text compact and derive vectors and caches anew from the stored text."""
        with self._connections.writing() as database:
            database.execute("INSERT INTO passages_fts (passages_fts) VALUES ('optimize')")
        return self.status()

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


def _bytes_on_disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.stem}*") if file.is_file())
