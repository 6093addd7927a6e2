"""The one thread that writes: jobs run in order, each in its own `BEGIN IMMEDIATE` transaction.

A job that was submitted is carried out even if whoever waits for it is cancelled; that is what
keeps a half-streamed answer safe.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chatapp.conversations.types import StorageError

if TYPE_CHECKING:
    from sqlite_utils import Database

T = TypeVar("T")

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = "The conversation store is closed."


@contextlib.contextmanager
def immediate(db: Database) -> Iterator[None]:
    """Hold a write transaction that takes its lock at once, so it cannot fail half-way as busy."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.commit()


class Writer:
    """Runs write jobs on `db`, which nothing else may write to, one after the other."""

    def __init__(self, db: Database, path: Path | None) -> None:
        self._db = db
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chatapp-store")
        self._open = True

    def submit(self, job: Callable[[Database], T], *, durable: bool = False) -> Future[T]:
        """Queue `job` and return its future; `durable` waits for the disk, not just the kernel.

        Raises:
            StorageError: the store is closed. The future raises StorageError when the job fails.
        """
        if not self._open:
            raise StorageError(_CLOSED, "Open it again.")
        return self._thread.submit(self._run, job, durable)

    def submit_bare(self, job: Callable[[Database], T]) -> Future[T]:
        """Queue `job` outside a transaction, for statements such as a checkpoint that need none.

        Raises:
            StorageError: the store is closed.
        """
        if not self._open:
            raise StorageError(_CLOSED, "Open it again.")
        return self._thread.submit(self._explained, job)

    def close(self) -> None:
        """Finish what was queued, then stop. Safe to call twice."""
        self._open = False
        self._thread.shutdown(wait=True)

    def _run(self, job: Callable[[Database], T], durable: bool) -> T:
        def transaction(db: Database) -> T:
            self._synchronous("FULL" if durable else "NORMAL")
            with immediate(db):
                return job(db)

        return self._explained(transaction)

    def _explained(self, job: Callable[[Database], T]) -> T:
        try:
            return job(self._db)
        except sqlite3.Error as error:
            suspect(self._path, error)
            raise explain(error, str(self._path or "in memory")) from error

    def _synchronous(self, level: str) -> None:
        self._db.conn.execute(f"PRAGMA synchronous={level}")


def suspicion_of(path: Path) -> Path:
    """Return the file whose presence says that the next start should read all of `path`."""
    return path.with_name(f"{path.name}.suspect")


def suspect(path: Path | None, error: BaseException) -> None:
    """Leave a note for the next start if `error` speaks of damage."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    if path is not None and code & 0xFF in _DAMAGE:
        with contextlib.suppress(OSError):
            suspicion_of(path).touch()


def explain(error: BaseException, path: str) -> StorageError:
    """Turn what SQLite or the operating system said into a message that names the fix."""
    said = str(error)
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else code & 0xFF  # the rest says more than a person needs
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(
            f"The conversation file {path} is locked by another program.",
            "Close the other program, or wait until it has finished, and try again.",
        )
    if kind == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in _NO_SPACE:
        return StorageError(
            f"There is no space left to write {path}.", "Free some disk space and try again."
        )
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) or isinstance(error, OSError):
        return StorageError(
            f"The conversation file {path} cannot be written: {said}.",
            "Make its directory writable, or set CHATAPP_HOME to a directory that is.",
        )
    if kind == sqlite3.SQLITE_IOERR:  # also what a full disk says when it has no room for the log
        return StorageError(
            f"The disk failed to read or write {path}: {said}.",
            "See whether it is full (`df`) or failing, and try again.",
        )
    return StorageError(
        f"The conversation file {path} could not be used: {said}.",
        "Restart chatapp: it checks the file and repairs what it can. `chatapp doctor` says more.",
    )
