"""Connections and lock files: what every way of opening a conversation file shares."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations.types import StorageError
from chatapp.private import make_file

if TYPE_CHECKING:
    from sqlite_utils import Database

BUSY_SECONDS = 5.0
_STAMP = "%Y%m%dT%H%M%S%fZ"
_PRAGMAS = ("foreign_keys=ON", "secure_delete=ON", "mmap_size=0", "temp_store=MEMORY")


def connect(target: str, busy_seconds: float = BUSY_SECONDS, *, uri: bool = False) -> Database:
    """Open a database the way the design says: foreign keys, secure delete, no memory map."""
    from sqlite_utils import Database

    connection = sqlite3.connect(target, timeout=busy_seconds, check_same_thread=False, uri=uri)
    # A damaged byte inside a text is no fault to SQLite; it must not make the text unreadable.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return Database(connection)


def connect_read_only(
    path: Path, busy_seconds: float = BUSY_SECONDS, *, immutable: bool = False
) -> Database:
    """Open a file for reading; `immutable` promises that nobody can change it meanwhile."""
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    return connect(f"{path.resolve().as_uri()}?{options}", busy_seconds, uri=True)


@contextlib.contextmanager
def locked(path: Path, seconds: float, *, busy: str) -> Iterator[None]:
    """Hold the lock file at `path`; it goes away with the process, so a crash leaves none behind.

    Raises:
        StorageError: another window holds it for longer than `seconds`; `busy` says so.
    """
    deadline = time.monotonic() + seconds
    make_file(path)
    with path.open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StorageError(busy, "Try again in a moment.") from None
                time.sleep(0.02)
        yield


def stamp() -> str:
    """Return the present as it stands in file names, in order of time."""
    return datetime.now(UTC).strftime(_STAMP)


def stamped(name: str) -> datetime:
    """Return the time that `stamp` wrote. Raises ValueError for anything else."""
    return datetime.strptime(name, _STAMP).replace(tzinfo=UTC)
