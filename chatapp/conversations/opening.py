"""How the conversation file is opened: checked, set aside when damaged, migrated, or read-only.

Everything here runs under a lock file, so two windows that start together do it one after the
other. A file that may only be read, because a newer chatapp wrote it or because its place cannot
be written, is opened for reading.
"""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations.backups import snapshot
from chatapp.conversations.connecting import BUSY_SECONDS, connect, connect_read_only, locked
from chatapp.conversations.damage import check_at_open, replace_damaged
from chatapp.conversations.writer import explain, immediate
from chatapp.private import make_directory, make_file

if TYPE_CHECKING:
    from sqlite_utils import Database

_UNWRITABLE_SQLITE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_UNWRITABLE_SYSTEM = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass
class Opened:
    """The connections of one store. `reader` is None in memory, where the writer serves both.

    `remedy` is what to do when it is `read_only`; the last notice says why.
    """

    db: Database
    reader: Database | None = None
    read_only: bool = False
    notices: list[str] = field(default_factory=list)
    remedy: str = ""


def open_database(path: Path | None, busy_seconds: float = BUSY_SECONDS) -> Opened:
    """Open or create the file at `path` (None: in memory) with the newest schema.

    Raises:
        StorageError: nothing can be read or written there, or another program holds the file.
    """
    if path is None:
        db = connect(":memory:", busy_seconds)
        _migrate(db)
        return Opened(db)
    try:
        make_directory(path.parent)
        busy = f"Another window is still opening {path}."
        with locked(path.with_name(f"{path.name}.lock"), busy_seconds, busy=busy):
            return _open_file(path, busy_seconds)
    except (sqlite3.Error, OSError) as error:
        if _is_unwritable(error) and (opened := _open_unwritable(path, busy_seconds)):
            return opened
        raise explain(error, str(path)) from error


def _open_file(path: Path, busy_seconds: float) -> Opened:
    notices: list[str] = []
    if check_at_open(path, busy_seconds):
        notices.append(replace_damaged(path))
    make_file(path)
    db = connect(str(path), busy_seconds)
    unknown = _unknown_migrations(db)
    if unknown:
        db.close()
        return _open_newer(path, busy_seconds, unknown)
    db.enable_wal()
    kept = _migrate(db, path)
    if kept is not None:
        notices.append(f"The conversations were brought up to date; the old file is {kept}.")
    return Opened(db, connect_read_only(path, busy_seconds), notices=notices)


def _open_newer(path: Path, busy_seconds: float, unknown: list[str]) -> Opened:
    notice = (
        f"{path} was written by a newer chatapp (schema step {', '.join(unknown)}). "
        "It is open for reading only: update chatapp to write to it again."
    )
    return _read_only(connect_read_only(path, busy_seconds), notice, "Update chatapp.")


def _open_unwritable(path: Path, busy_seconds: float) -> Opened | None:
    """Open a file whose place cannot be written; None when not even reading is possible."""
    log = path.with_name(f"{path.name}-wal")
    # Without a log beside it the file is all there is, and nobody can change it here.
    complete = not log.exists() or log.stat().st_size == 0
    try:
        reader = connect_read_only(path, busy_seconds, immutable=complete)
        reader.execute("select count(*) from sqlite_master").fetchone()
        behind = bool(_pending(reader))
    except (sqlite3.Error, OSError):
        return None
    if behind:  # an older file would have to be migrated before it can be read
        reader.close()
        return None
    notice = f"{path} cannot be written here, so it is open for reading only: nothing is stored."
    remedy = "Make its directory writable, or set CHATAPP_HOME to a directory that is."
    return _read_only(reader, notice, remedy)


def _read_only(reader: Database, notice: str, remedy: str) -> Opened:
    return Opened(reader, reader, read_only=True, notices=[notice], remedy=remedy)


def _is_unwritable(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _UNWRITABLE_SQLITE or getattr(error, "errno", None) in _UNWRITABLE_SYSTEM


def _unknown_migrations(db: Database) -> list[str]:
    from sqlite_utils import Database as Empty

    from chatapp.conversations.migrations import migrations

    ours = {step.name for step in migrations.pending(Empty(memory=True))}
    return [step.name for step in migrations.applied(db) if step.name not in ours]


def _pending(db: Database) -> list[str]:
    from chatapp.conversations.migrations import migrations

    return [step.name for step in migrations.pending(db)]


def _migrate(db: Database, path: Path | None = None) -> Path | None:
    """Apply pending steps in one transaction; return the snapshot made of a file that had data."""
    from chatapp.conversations.migrations import migrations

    if not _pending(db):
        return None
    kept = snapshot(db, path) if path and migrations.applied(db) else None
    with immediate(db):
        migrations.apply(db)
    return kept
