"""How the conversation file is opened: checked, set aside when damaged, migrated, or read-only.

Everything here runs under a lock file, so two windows that start together do it one after the
other. The file itself is never deleted: a damaged one is renamed and what is readable in it is
copied into a new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations.types import StorageError
from chatapp.conversations.writer import explain, immediate

if TYPE_CHECKING:
    from sqlite_utils import Database

BUSY_SECONDS = 5.0
# A damaged page is found by reading all pages; a large file must not delay the first paint.
CHECK_SECONDS = 0.25
SNAPSHOTS_KEPT = 5

# SQLite's codes when the file could not be looked at, which tells nothing about its content.
_NO_DAMAGE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)
_PRAGMAS = ("foreign_keys=ON", "secure_delete=ON", "mmap_size=0", "temp_store=MEMORY")


@dataclass
class Opened:
    """The connections of one store. `reader` is None in memory, where the writer serves both.

    `remedy` is what to do when it is `read_only`; the first notice says why.
    """

    db: Database
    reader: Database | None = None
    read_only: bool = False
    notices: list[str] = field(default_factory=list)
    remedy: str = ""


def open_database(path: Path | None, busy_seconds: float = BUSY_SECONDS) -> Opened:
    """Open or create the file at `path` (None: in memory) with the newest schema.

    Raises:
        StorageError: the directory cannot be written, or another program holds the file.
    """
    if path is None:
        db = _connect(":memory:", busy_seconds)
        _migrate(db)
        return Opened(db)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path, busy_seconds):
            return _open_file(path, busy_seconds)
    except (sqlite3.Error, OSError) as error:
        raise explain(error, str(path)) from error


def is_damaged(path: Path, busy_seconds: float, seconds: float = CHECK_SECONDS) -> bool:
    """Return whether `integrity_check` finds a fault within `seconds`; unfinished means no."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    deadline = time.monotonic() + seconds
    with contextlib.closing(sqlite3.connect(path, timeout=busy_seconds)) as connection:
        connection.text_factory = bytes  # the report of a fault may quote damaged text
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 1000)
        try:
            row = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if row[0] == b"ok":
                _check_search_table(connection)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # it may quote damaged text
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in _NO_DAMAGE:
                raise
            return bool(code != sqlite3.SQLITE_INTERRUPT)
        return bool(row[0] != b"ok")


def _check_search_table(connection: sqlite3.Connection) -> None:
    """Raise DatabaseError when a full-text index is damaged; SQLite's own check skips them."""
    for table in ("messages_fts", "messages_trigram"):
        there = connection.execute("select 1 from sqlite_master where name = ?", [table])
        if there.fetchone():
            connection.execute(f"insert into {table}({table}) values ('integrity-check')")
            connection.rollback()


def _open_file(path: Path, busy_seconds: float) -> Opened:
    notices: list[str] = []
    if is_damaged(path, busy_seconds):
        notices.append(_replace_damaged(path))
    db = _connect(str(path), busy_seconds)
    unknown = _unknown_migrations(db)
    if unknown:
        db.close()
        return _open_newer(path, busy_seconds, unknown)
    db.enable_wal()
    snapshot = _migrate(db, path)
    if snapshot is not None:
        notices.append(f"The conversations were brought up to date; the old file is {snapshot}.")
    return Opened(db, _connect_read_only(path, busy_seconds), notices=notices)


def _open_newer(path: Path, busy_seconds: float, unknown: list[str]) -> Opened:
    reader = _connect_read_only(path, busy_seconds)
    notice = (
        f"{path} was written by a newer chatapp (schema step {', '.join(unknown)}). "
        "It is open for reading only: update chatapp to write to it again."
    )
    return Opened(reader, reader, read_only=True, notices=[notice], remedy="Update chatapp.")


def _connect(target: str, busy_seconds: float, *, uri: bool = False) -> Database:
    from sqlite_utils import Database

    connection = sqlite3.connect(target, timeout=busy_seconds, check_same_thread=False, uri=uri)
    # A damaged byte inside a text is no fault to SQLite; it must not make the text unreadable.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return Database(connection)


def _connect_read_only(path: Path, busy_seconds: float) -> Database:
    return _connect(f"{path.resolve().as_uri()}?mode=ro", busy_seconds, uri=True)


def _unknown_migrations(db: Database) -> list[str]:
    from sqlite_utils import Database as Empty

    from chatapp.conversations.migrations import migrations

    ours = {step.name for step in migrations.pending(Empty(memory=True))}
    return [step.name for step in migrations.applied(db) if step.name not in ours]


def _migrate(db: Database, path: Path | None = None) -> Path | None:
    """Apply pending steps in one transaction; return the snapshot made of a file that had data."""
    from chatapp.conversations.migrations import migrations

    if not migrations.pending(db):
        return None
    snapshot = _snapshot(db, path) if path and migrations.applied(db) else None
    with immediate(db):
        migrations.apply(db)
    return snapshot


def _snapshot(db: Database, path: Path) -> Path:
    target = path.with_name(f"{path.name}.before-{_stamp()}")
    db.conn.execute("VACUUM INTO ?", [str(target)])
    for old in sorted(path.parent.glob(f"{path.name}.before-*"))[:-SNAPSHOTS_KEPT]:
        old.unlink()
    return target


def backups_of(path: Path | None) -> list[Path]:
    """Return the whole copies of a conversation file that lie beside it, oldest first."""
    if path is None:
        return []
    return sorted(
        copy
        for kind in ("before", "backup")
        for copy in path.parent.glob(f"{path.name}.{kind}-*")
        if not copy.name.endswith((".tmp", "-wal", "-shm", "-journal"))
    )


def damaged_copies_of(path: Path | None) -> list[Path]:
    """Return the damaged files that were set aside, oldest first."""
    if path is None:
        return []
    copies = path.parent.glob(f"{path.name}.corrupt-*")
    return sorted(copy for copy in copies if not copy.name.endswith(("-wal", "-shm")))


def back_up(
    path: Path, *, every_hours: float = 24.0, busy_seconds: float = BUSY_SECONDS
) -> Path | None:
    """Write a whole copy of the file beside it if the last one is older than `every_hours`.

    The newest SNAPSHOTS_KEPT are kept. Returns the copy, or None when none was due. It reads
    through a connection of its own, so a running store goes on meanwhile.

    Raises:
        StorageError: the copy cannot be written.
    """
    try:
        if not path.exists():
            return None
        with _lock(path, busy_seconds):
            copies = sorted(path.parent.glob(f"{path.name}.backup-*Z"))
            if copies and time.time() - copies[-1].stat().st_mtime < every_hours * 3600:
                return None
            target = path.with_name(f"{path.name}.backup-{_stamp()}")
            temporary = target.with_name(f"{target.name}.tmp")
            with contextlib.closing(_connect_read_only(path, busy_seconds).conn) as connection:
                connection.execute("VACUUM INTO ?", [str(temporary)])
            temporary.replace(target)  # a copy that was cut off never looks like a whole one
            for old in sorted(path.parent.glob(f"{path.name}.backup-*Z"))[:-SNAPSHOTS_KEPT]:
                old.unlink()
            return target
    except (sqlite3.Error, OSError) as error:
        raise explain(error, str(path)) from error


def _replace_damaged(path: Path) -> str:
    """Set the damaged file aside, copy what is readable into a new one, say what was done."""
    from chatapp.conversations.salvage import salvage

    aside = path.with_name(f"{path.name}.corrupt-{_stamp()}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    fresh = _connect(str(path), BUSY_SECONDS)
    fresh.enable_wal()
    _migrate(fresh)
    try:
        with immediate(fresh):
            found = salvage(aside, fresh)
        saved = (
            f"{found.conversations} conversations with {found.messages} messages "
            "were recovered into a new file."
        )
    except sqlite3.Error as error:  # a person must be able to go on, even with an empty file
        saved = f"nothing could be recovered from it ({error})."
    fresh.close()
    return f"The conversation file was damaged. It was kept as {aside}; {saved}"


@contextlib.contextmanager
def _lock(path: Path, seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    with path.with_name(f"{path.name}.lock").open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StorageError(
                        f"Another window is still opening {path}.", "Try again in a moment."
                    ) from None
                time.sleep(0.02)
        yield


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
