"""The open conversation file: one writer thread, one reading connection, ids and time.

What a person does with conversations stands in the classes built on this one; rooms that keep
their tables in the same file (memory, feedback) use `read`, `write` and `submit`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from chatapp.conversations import lease
from chatapp.conversations.backups import held_backups
from chatapp.conversations.connecting import BUSY_SECONDS
from chatapp.conversations.erasing import SEARCH_TABLES, begin_merge, merge_step
from chatapp.conversations.ids import Clock, UlidFactory, timestamp, utc_now
from chatapp.conversations.opening import Opened, open_database
from chatapp.conversations.owner import new_mark
from chatapp.conversations.types import StorageError
from chatapp.conversations.upkeep import Upkeep
from chatapp.conversations.writer import Writer, explain, suspect

if TYPE_CHECKING:
    from sqlite_utils import Database

T = TypeVar("T")


class StoreFile:
    """One conversation file, or one in memory. Use `open`; several processes may share a file."""

    def __init__(
        self, opened: Opened, path: Path | None, clock: Clock, ids: Callable[[], str]
    ) -> None:
        self.path = path
        self.read_only = opened.read_only
        self.notices = tuple(opened.notices)
        self.mark = new_mark()
        self._opened = opened
        self._clock = clock
        self._new_id = ids
        self._writer = Writer(opened.db, path)
        self._upkeep: Upkeep | None = None
        self._reading = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        clock: Clock = utc_now,
        ids: Callable[[], str] | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> Self:
        """Open the file at `path`, creating it when missing; None keeps everything in memory.

        Answers that a dead process left streaming become `interrupted`. What a person should be
        told (a damaged file was set aside, a newer one is read-only) stands in `notices`.

        Raises:
            StorageError: the place cannot be written or the file is locked.
        """
        store = cls(open_database(path, busy_seconds), path, clock, ids or UlidFactory(clock))
        if not store.read_only:
            store.write(lambda db: lease.end_all(db, store.mark))
            if path is not None and not store._is_empty():
                store._upkeep = Upkeep(path)
        return store

    def close(self) -> None:
        """Finish queued writes and close the file. Safe to call twice.

        An answer that is still being written here is called interrupted, as after a crash.
        """
        if self._closed:
            return
        self._closed = True
        self._stop_upkeep()
        if not self.read_only:
            with contextlib.suppress(StorageError):  # on a full disk, the next start does it
                self.write(lambda db: lease.end_all(db, self.mark))
        self._writer.close()
        if self._opened.reader is not None:
            self._opened.reader.close()
        self._opened.db.close()

    def submit(self, job: Callable[[Database], T], *, durable: bool = False) -> Future[T]:
        """Queue `job` as one write transaction; `durable` waits until it is on the disk.

        Raises:
            StorageError: the store is closed or was opened for reading only.
        """
        if self.read_only:
            raise StorageError(self.notices[-1], self._opened.remedy)
        return self._writer.submit(job, durable=durable)

    def submit_bare(self, job: Callable[[Database], T]) -> Future[T]:
        """Queue `job` in the writer's thread outside a transaction. Raises as `submit`."""
        if self.read_only:
            raise StorageError(self.notices[-1], self._opened.remedy)
        return self._writer.submit_bare(job)

    def write(self, job: Callable[[Database], T], *, durable: bool = False) -> T:
        """Carry out `job` as one write transaction and return what it returns."""
        return self.submit(job, durable=durable).result()

    def read(self, job: Callable[[Database], T]) -> T:
        """Return what `job` reads; it must not write."""
        import sqlite3

        reader = self._opened.reader
        if reader is None:
            return self._writer.submit(job).result()
        with self._reading:
            try:
                return job(reader)
            except sqlite3.Error as error:
                suspect(self.path, error)
                raise explain(error, str(self.path)) from error

    def version(self) -> int:
        """Return a number that changes when anything in the file does, by whichever window."""
        if self._opened.reader is None:
            return self._writer.submit_bare(lambda db: int(db.conn.total_changes)).result()
        return self.read(lambda db: int(db.conn.execute("PRAGMA data_version").fetchone()[0]))

    def empty_log(self) -> None:
        """Move everything into the database file and empty its write-ahead log.

        Other windows may hold the log open for reading; it is then emptied as far as they allow.
        """
        if self.path is not None:
            self.submit_bare(
                lambda db: db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            ).result()

    def rewrite_search(self) -> None:
        """Drop the words of removed rows from the full-text indexes, letting others in between."""
        for table in SEARCH_TABLES:
            self.write(partial(begin_merge, table=table))
            while self.write(partial(merge_step, table=table)):
                pass

    @contextlib.contextmanager
    def held_backups(self) -> Iterator[list[Path]]:
        """Yield all whole copies of the file and let no window make another one meanwhile.

        For whoever removes something for good: first hold, then remove here and in each copy.
        """
        self._stop_upkeep()
        with held_backups(self.path) as copies:
            yield copies

    def now(self) -> str:
        """Return the time of the store's clock as it is written into rows."""
        return timestamp(self._clock())

    def unused_id(self, db: Database) -> str:
        """Return a new id. A fixed clock makes the ids of an earlier session again: skip those."""
        taken = """
            select 1 from messages where id = :id union all
            select 1 from conversations where id = :id union all
            select 1 from facts where id = :id union all
            select 1 from feedback where id = :id
        """
        while db.execute(taken, {"id": (new_id := self._new_id())}).fetchone():
            pass
        return new_id

    def _is_empty(self) -> bool:
        return self.read(lambda db: db.execute("select 1 from conversations").fetchone()) is None

    def _stop_upkeep(self) -> None:
        if self._upkeep is not None:
            self._upkeep.stop()
