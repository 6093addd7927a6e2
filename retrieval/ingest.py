"""Files into the index: incremental, resumable, one transaction a batch.

The thing to know: a file that holds one document waits for others, and they are written together; a
file that holds many goes batch by batch, each committed with the place it ends at. What has not
changed since it was read, by size and time or by the digest of its content, is skipped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from retrieval.batches import MOST_CHARACTERS, MOST_DOCUMENTS, Part, batches, finish, write
from retrieval.embedding import Embedder
from retrieval.errors import LoadError, Unreachable, unreadable
from retrieval.files import Found, find_files, has_name_in_unicode, has_vanished
from retrieval.loaders import Loaded, holds_many, load
from retrieval.store.protocol import Store, Transaction
from retrieval.store.sources import Fingerprint, Source
from retrieval.tally import Progress, ShouldStop, Stopped, Tally
from retrieval.types import IngestProblem, IngestReport

MOST_PROBLEMS = 1000  # that are remembered
_MOST_NS = 2**63 - 1


def add_paths(
    store: Store,
    embedder: Embedder | None,
    paths: Sequence[Path],
    collection: str,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> IngestReport:
    """Add files, folders and globs; problems with single inputs are noted and the rest goes on."""
    tally = Tally(progress, should_stop)
    found = find_files(paths, tally.problems)
    tally.total_bytes = sum(found.files.values())
    run = _Run(store, embedder, collection, tally)
    interrupted = False
    try:
        run.remove_vanished(found)
        for path, size in found.files.items():
            run.add(path, size)
        run.flush()
    except Stopped:
        interrupted = True
    remember_problems(store, tally, found)
    return tally.report(interrupted=interrupted)


def delete_source(transaction: Transaction, source: int) -> int:
    """Forget a source and its documents; return how many documents that were."""
    count = transaction.delete(transaction.journal.documents_of(source))
    transaction.journal.forget(source)
    return count


def remember_problems(store: Store, tally: Tally, found: Found) -> None:
    """Keep this run's problems beside those of files it did not look into.

    What is wrong with a part of a file stays wrong until the file has been read again.
    """
    with store.reading() as snapshot:
        before = snapshot.journal.problems()
    looked_into = tally.read | {problem.path for problem in tally.problems}
    skipped = {str(path) for path in found.files} - looked_into
    kept = []
    for problem in before:
        wholes = _wholes(problem.path)
        if looked_into.isdisjoint({problem.path, *wholes}) and (
            not skipped.isdisjoint(wholes) or not found.would_hold(problem.path)
        ):
            kept.append(problem)
    now = [*kept, *tally.problems][-MOST_PROBLEMS:]
    if now != before:
        with store.writing() as transaction:
            transaction.journal.keep_problems(now)


def _wholes(place: str) -> set[str]:
    """Return what may be the file if `place` is a part of one: either name may hold a colon."""
    return {place[: colon.start()] for colon in re.finditer(":", place)}


class _Run:
    """One pass over files; small ones wait in `_waiting` to be written together."""

    def __init__(
        self, store: Store, embedder: Embedder | None, collection: str, tally: Tally
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._collection = collection
        self._tally = tally
        self._waiting: list[Part] = []
        self._waiting_characters = 0

    def remove_vanished(self, found: Found) -> None:
        """Remove what came from files of these places that are no longer there."""
        for place in filter(has_name_in_unicode, found.places):
            with self._store.reading() as snapshot:
                known = snapshot.journal.under(str(place), self._collection)
            gone = [
                source for source, path in known if found.would_hold(path) and has_vanished(path)
            ]
            if gone:
                with self._store.writing() as transaction:
                    self._tally.removed += sum(delete_source(transaction, each) for each in gone)

    def add(self, path: Path, size: int) -> None:
        """Take one file, whatever is wrong with it."""
        with self._noted(path):
            seen, known = self._look_at(path)
            if known and known.done and known.fingerprint.digest == seen.digest:
                self._skip(known, seen)
            else:
                self._tally.read.add(str(path))
                if holds_many(path):
                    self._stream(path, seen)
                else:
                    documents = list(self._loaded(path))
                    self._wait(Part(path, seen, documents))
        self._tally.done_bytes += size
        self._tally.tell(path)

    def flush(self) -> None:
        """Write the small files that wait."""
        parts, self._waiting, self._waiting_characters = self._waiting, [], 0
        if parts:
            self._tally.count(write(self._store, self._embedder, self._collection, parts))

    def _look_at(self, path: Path) -> tuple[Fingerprint, Source | None]:
        """Return what the file looks like, and its row if it is known.

        Raises:
            Unreachable: the name cannot be stored.
            OSError: the file cannot be read, or has vanished since it was found.
        """
        if not has_name_in_unicode(path):
            raise Unreachable("the name of the file is not valid UTF-8", "rename it")
        stat = path.stat()
        with self._store.reading() as snapshot:
            known = snapshot.journal.find(str(path), self._collection)
        # Clocks that were wrong leave times before 1677 or after 2262, which no store takes.
        changed_at = max(-_MOST_NS, min(stat.st_mtime_ns, _MOST_NS))
        if known and known.done and known.fingerprint[:2] == (stat.st_size, changed_at):
            return known.fingerprint, known
        return Fingerprint(stat.st_size, changed_at, _file_digest(path)), known

    def _skip(self, known: Source, seen: Fingerprint) -> None:
        if known.fingerprint != seen:
            with self._store.writing() as transaction:
                transaction.journal.touch(known, seen)
        with self._store.reading() as snapshot:
            self._tally.unchanged += snapshot.journal.count_documents(known)

    def _wait(self, part: Part) -> None:
        self._waiting.append(part)
        self._waiting_characters += sum(len(item.text) for item in part.documents)
        full = len(self._waiting) >= MOST_DOCUMENTS
        if full or self._waiting_characters >= MOST_CHARACTERS:
            self.flush()

    def _stream(self, path: Path, seen: Fingerprint) -> None:
        self.flush()
        with self._store.writing() as transaction:
            source = transaction.journal.begin_run(str(path), self._collection, seen)
        for batch in batches(self._loaded(path, skip=source.position)):
            part = Part(path, seen, batch, source)
            self._tally.count(write(self._store, self._embedder, self._collection, [part]))
            self._tally.tell(path, batch[-1].consumed)
        self._tally.removed += finish(self._store, source)

    def _loaded(self, path: Path, skip: int = 0) -> Iterator[Loaded]:
        return self._tally.without_bad(path, load(path, skip=skip))

    @contextmanager
    def _noted(self, path: Path) -> Iterator[None]:
        """Turn what is wrong with a file into a problem."""
        try:
            yield
        except (LoadError, OSError) as error:
            self._tally.stop_if_asked()  # Ctrl-C also reaches a parser in a child process
            reason = error if isinstance(error, LoadError) else unreadable(error)
            if not isinstance(reason, Unreachable):
                self._forget_stale(path)
            self._tally.read.add(str(path))
            self._tally.failed(path, reason)

    def _forget_stale(self, path: Path) -> None:
        """Delete what a file held before it could not be read; of many documents, the unseen."""
        with self._store.writing() as transaction:
            known = transaction.journal.find(str(path), self._collection)
            if known and known.done:
                self._tally.removed += delete_source(transaction, known.id)
            elif known:
                self._tally.removed += transaction.delete(transaction.journal.unseen(known))


def known_problems(store: Store) -> list[IngestProblem]:
    """Return what was wrong with files when they were last read."""
    with store.reading() as snapshot:
        return snapshot.journal.problems()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
