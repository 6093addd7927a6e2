"""Files into the index: incremental, resumable, one transaction a batch.

The thing to know: a batch of documents and the line it ends at are committed together. Whatever
kills the process, the next run of the same command skips to that line and goes on.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.chunking import chunk
from retrieval.embedding import Embedder
from retrieval.errors import LoadError, unreadable
from retrieval.files import find_files, has_name_in_unicode, problem
from retrieval.loaders import BadRecord, Loaded, load
from retrieval.store.protocol import NewDocument, Store, Transaction
from retrieval.store.records import content_digest, document_key
from retrieval.store.sources import Fingerprint, Source
from retrieval.store.vectors import passage_input, quantise
from retrieval.text import sanitize_text
from retrieval.types import IngestProblem, IngestProgress, IngestReport

BATCH_DOCUMENTS = 256
BATCH_CHARACTERS = 4_000_000

Progress = Callable[[IngestProgress], None]
ShouldStop = Callable[[], bool]


class _Stopped(Exception):
    """The caller asked to stop; everything committed so far stays."""


@dataclass
class _Tally:
    """What this run has done so far, and how it reports it."""

    total_bytes: int
    progress: Progress | None
    should_stop: ShouldStop | None
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    done_bytes: int = 0
    problems: list[IngestProblem] = field(default_factory=list)

    def tell(self, path: Path, consumed: int) -> None:
        """Report progress and give the caller the chance to stop."""
        if self.progress:
            documents = self.added + self.updated + self.unchanged
            done = self.done_bytes + consumed
            self.progress(
                IngestProgress(
                    sanitize_text(str(path)), documents, self.passages, done, self.total_bytes
                )
            )
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Leave the run here when the caller wants that."""
        if self.should_stop and self.should_stop():
            raise _Stopped


def add_paths(
    store: Store,
    embedder: Embedder | None,
    paths: Sequence[Path],
    collection: str,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> IngestReport:
    """Add files and folders; problems with single inputs are reported and the rest goes on."""
    began = time.monotonic()
    problems: list[IngestProblem] = []
    files = find_files(paths, problems)
    tally = _Tally(sum(files.values()), progress, should_stop, problems=problems)
    interrupted = False
    try:
        for folder in (path for path in paths if os.path.isdir(path)):  # noqa: PTH112 - as below
            _remove_vanished(store, folder.resolve(), collection, tally)
        for path, size in files.items():
            _add_file(store, embedder, path, collection, tally)
            tally.done_bytes += size
            tally.tell(path, 0)
    except _Stopped:
        interrupted = True
    return IngestReport(
        added=tally.added,
        updated=tally.updated,
        unchanged=tally.unchanged,
        removed=tally.removed,
        passages=tally.passages,
        seconds=time.monotonic() - began,
        interrupted=interrupted,
        problems=tally.problems,
    )


def prepare(
    embedder: Embedder | None, collection: str, documents: Sequence[tuple[str, Loaded]]
) -> list[NewDocument]:
    """Chunk and embed (key, loaded) pairs: the work that needs no lock on the database."""
    chunks = [chunk(item.text, item.pages) for _, item in documents]
    vectors: list[bytes | None] = [None] * len(documents)
    if embedder is not None:
        inputs = [
            passage_input(item.title, item.text, piece)
            for (_, item), pieces in zip(documents, chunks, strict=True)
            for piece in pieces
        ]
        matrix = quantise(embedder.embed_passages(inputs))
        row = 0
        for number, pieces in enumerate(chunks):
            vectors[number] = matrix[row : row + len(pieces)].tobytes()
            row += len(pieces)
    return [
        NewDocument(
            key=key,
            uri=item.uri,
            title=item.title,
            text=item.text,
            collection=collection,
            digest=_digest(item),
            chunks=pieces,
            vectors=data,
            date=item.date,
            language=item.language,
        )
        for (key, item), pieces, data in zip(documents, chunks, vectors, strict=True)
    ]


def delete_source(transaction: Transaction, source: int) -> int:
    """Forget a source and its documents; return how many documents that were."""
    count = transaction.delete(transaction.journal.documents_of(source))
    transaction.journal.forget(source)
    return count


def _add_file(
    store: Store,
    embedder: Embedder | None,
    path: Path,
    collection: str,
    tally: _Tally,
) -> None:
    try:
        source = _source_to_read(store, path, collection, tally)
        if source is None:
            return
        for batch in _batches(load(path, skip=source.position), path, tally):
            _write_batch(store, embedder, source, collection, batch, tally)
            tally.tell(path, batch[-1].consumed)
        with store.writing() as transaction:
            vanished = transaction.journal.finish_run(source)
            tally.removed += transaction.delete(vanished)
    except (LoadError, OSError) as error:
        tally.stop_if_asked()  # Ctrl-C also reaches a parser in a child process
        reason = error if isinstance(error, LoadError) else unreadable(error)
        tally.problems.append(problem(path, reason))


def _source_to_read(store: Store, path: Path, collection: str, tally: _Tally) -> Source | None:
    """Return the source row to read into, None when the file has not changed.

    Raises:
        LoadError: the name cannot be stored.
        OSError: the file cannot be read, or has vanished since it was found.
    """
    if not has_name_in_unicode(path):
        raise LoadError("the name of the file is not valid UTF-8", "rename it")
    stat = path.stat()
    with store.reading() as snapshot:
        known = snapshot.journal.find(str(path), collection)
        same_stat = known and known.fingerprint[:2] == (stat.st_size, stat.st_mtime_ns)
        if known and known.done and same_stat:
            tally.unchanged += snapshot.journal.count_documents(known)
            return None
    seen = Fingerprint(stat.st_size, stat.st_mtime_ns, _file_digest(path))
    with store.writing() as transaction:
        if known and known.done and known.fingerprint.digest == seen.digest:
            transaction.journal.touch(known, seen)
            tally.unchanged += transaction.journal.count_documents(known)
            return None
        return transaction.journal.begin_run(str(path), collection, seen)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _batches(
    items: Iterator[Loaded | BadRecord], path: Path, tally: _Tally
) -> Iterator[list[Loaded]]:
    """Group documents into batches; bad records become problems on the way.

    What was read before the loader fails is still handed out: it is good and stays.
    """
    batch: list[Loaded] = []
    characters = 0
    try:
        for item in items:
            if isinstance(item, BadRecord):
                error = LoadError(item.message, item.hint)
                tally.problems.append(problem(f"{path}:{item.place or item.position}", error))
                continue
            batch.append(item)
            characters += len(item.text)
            if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
                yield batch
                batch, characters = [], 0
    except LoadError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _write_batch(
    store: Store,
    embedder: Embedder | None,
    source: Source,
    collection: str,
    batch: Sequence[Loaded],
    tally: _Tally,
) -> None:
    """Commit one batch and the position it ends at, in one transaction."""
    keyed = {_key(source, collection, item): item for item in batch}
    with store.reading() as snapshot:
        stored = snapshot.stored(list(keyed))
    changed = [
        (key, item)
        for key, item in keyed.items()
        if key not in stored or stored[key].digest != _digest(item)
    ]
    fresh = prepare(embedder, collection, changed)
    with store.writing() as transaction:
        if not transaction.journal.save_position(source, batch[-1].position):
            raise LoadError("was removed from the index while it was read", "add it again")
        stored = transaction.stored(list(keyed))
        # Another process may have written the same documents while these were embedded.
        fresh = [n for n in fresh if n.key not in stored or stored[n.key].digest != n.digest]
        outdated = [stored[new.key].id for new in fresh if new.key in stored]
        transaction.delete(outdated)
        for new in fresh:
            transaction.add(new, source.id, source.run)
        fresh_keys = {new.key for new in fresh}
        same = [row.id for key, row in stored.items() if key not in fresh_keys]
        transaction.journal.mark_seen(same, source.run)
    tally.updated += len(outdated)
    tally.added += len(fresh) - len(outdated)
    tally.unchanged += len(same)
    tally.passages += sum(len(new.chunks) for new in fresh)


def _digest(item: Loaded) -> bytes:
    return content_digest(item.uri, item.title, item.text, item.date, item.language)


def _key(source: Source, collection: str, item: Loaded) -> str:
    return document_key(collection, f"{source.path}#{item.address}")


def _remove_vanished(store: Store, folder: Path, collection: str, tally: _Tally) -> None:
    """Remove what came from files of `folder` that are no longer there."""
    with store.writing() as transaction:
        for source_id, path in transaction.journal.under(str(folder), collection):
            if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises when it may not look
                tally.removed += delete_source(transaction, source_id)
