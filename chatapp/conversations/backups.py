"""Whole copies of the conversation file beside it: rolling backups, snapshots of migrations.

Whatever must be forgotten has to be removed from every copy too: `held_backups` keeps anyone from
making another one meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations.connecting import (
    BUSY_SECONDS,
    connect,
    connect_read_only,
    locked,
    stamp,
    stamped,
)
from chatapp.conversations.erasing import rewrite_search
from chatapp.conversations.writer import explain, suspect
from chatapp.private import make_file

if TYPE_CHECKING:
    from sqlite_utils import Database

COPIES_KEPT = 5  # of backups, and of snapshots made before a migration
_HELD_SECONDS = 120.0  # a copy of a file of some gigabytes may be on its way


def rolling_backups_of(path: Path) -> list[Path]:
    """Return the finished daily backups of a conversation file, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.backup-*Z"))


def backups_of(path: Path | None) -> list[Path]:
    """Return all whole copies of a conversation file that lie beside it, oldest first."""
    if path is None:
        return []
    snapshots = (
        copy
        for copy in path.parent.glob(f"{path.name}.before-*")
        if not copy.name.endswith((".tmp", "-wal", "-shm", "-journal"))
    )
    return sorted(
        [*snapshots, *rolling_backups_of(path)], key=lambda copy: copy.name.rpartition("-")[2]
    )


def damaged_copies_of(path: Path | None) -> list[Path]:
    """Return the damaged files that were set aside, oldest first."""
    if path is None:
        return []
    copies = path.parent.glob(f"{path.name}.corrupt-*")
    return sorted(copy for copy in copies if not copy.name.endswith(("-wal", "-shm")))


def snapshot(db: Database, path: Path) -> Path:
    """Copy the file behind `db` before a migration; the newest COPIES_KEPT such copies stay."""
    target = path.with_name(f"{path.name}.before-{stamp()}")
    _copy(db.conn, target)
    for old in sorted(path.parent.glob(f"{path.name}.before-*"))[:-COPIES_KEPT]:
        old.unlink()
    return target


def back_up(
    path: Path,
    *,
    every_hours: float = 24.0,
    busy_seconds: float = BUSY_SECONDS,
    started: Callable[[sqlite3.Connection], None] = lambda connection: None,
) -> Path | None:
    """Write a whole copy of the file beside it if the last one is older than `every_hours`.

    The newest COPIES_KEPT are kept. It reads through a connection of its own, which `started` is
    given so that another thread can interrupt it; a running store goes on meanwhile. Returns the
    copy, or None when none was due.

    Raises:
        StorageError: the copy cannot be written, another window is making one, or the file is
            damaged: that must not push good copies out. It is then repaired at the next start.
    """
    try:
        if not path.exists():
            return None
        with _backup_lock(path, busy_seconds):
            if _age_hours(path) < every_hours:
                return None
            target = path.with_name(f"{path.name}.backup-{stamp()}")
            with contextlib.closing(connect_read_only(path, busy_seconds).conn) as connection:
                started(connection)
                _refuse_damaged(connection)
                _copy(connection, target)
            for old in rolling_backups_of(path)[:-COPIES_KEPT]:
                old.unlink()
            return target
    except (sqlite3.Error, OSError) as error:
        suspect(path, error)
        raise explain(error, str(path)) from error


@contextlib.contextmanager
def held_backups(path: Path | None) -> Iterator[list[Path]]:
    """Yield all whole copies of a file, and let nobody make another one meanwhile.

    Raises:
        StorageError: a window is making one for minutes.
    """
    if path is None:
        yield []
        return
    with _backup_lock(path, _HELD_SECONDS):
        yield backups_of(path)


def scrub(copy: Path, job: Callable[[Database], None]) -> None:
    """Let `job` remove rows from a copy so that no byte of them stays in the file.

    Raises:
        StorageError: the copy cannot be written.
    """
    try:
        db = connect(str(copy))
        try:
            job(db)
            rewrite_search(db)
            db.conn.commit()
            db.conn.execute("PRAGMA journal_mode=DELETE")  # a log beside it would keep the bytes
        finally:
            db.close()
    except (sqlite3.Error, OSError) as error:
        raise explain(error, str(copy)) from error


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    """Write a copy that never looks whole before it is, not even after a power cut."""
    for left_behind in target.parent.glob(f"{target.name[: -len(stamp())]}*.tmp"):
        left_behind.unlink(missing_ok=True)
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        make_file(temporary)
        connection.execute("VACUUM INTO ?", [str(temporary)])
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_damaged(connection: sqlite3.Connection) -> None:
    said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        damage = sqlite3.DatabaseError(said)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def made_at(copy: Path) -> datetime:
    """Return when a copy was made: its name says so, whatever was removed from it since."""
    try:
        return stamped(copy.name.rpartition("-")[2])
    except ValueError:  # a person gave it another name
        return datetime.fromtimestamp(copy.stat().st_mtime, UTC)


def _age_hours(path: Path) -> float:
    backups = rolling_backups_of(path)
    if not backups:
        return float("inf")
    return (datetime.now(UTC) - made_at(backups[-1])).total_seconds() / 3600


def _backup_lock(path: Path, seconds: float) -> contextlib.AbstractContextManager[None]:
    lock = path.with_name(f"{path.name}.backup-lock")
    return locked(lock, seconds, busy=f"Another window is making a backup of {path}.")
