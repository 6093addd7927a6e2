"""Finding damage in a conversation file, and going on without losing what is still readable.

A damaged file is renamed, never deleted. What can be read in it is copied into a new one, and the
person is told where the old one lies and how to add what a backup still has.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from chatapp.conversations.backups import rolling_backups_of
from chatapp.conversations.connecting import connect, stamp
from chatapp.conversations.writer import immediate, suspicion_of
from chatapp.private import make_file

# A damaged page is found by reading all pages. Small files are read whole, in some hundredths of a
# second. Of a big one the first page is; more is found when it is backed up, or when it is met, and
# then the next start reads it all.
_READ_WHOLE_BYTES = 4 * 1024 * 1024

# SQLite's codes when the file could not be looked at, which tells nothing about its content.
_NO_DAMAGE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)


def check_at_open(path: Path, busy_seconds: float) -> bool:
    """Return whether the file is damaged, as far as opening it may take to find out."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    suspicion = suspicion_of(path)
    whole = path.stat().st_size <= _READ_WHOLE_BYTES or suspicion.exists()
    damaged = is_damaged(path, busy_seconds, whole=whole)
    suspicion.unlink(missing_ok=True)
    return damaged


def is_damaged(path: Path, busy_seconds: float, *, whole: bool = True) -> bool:
    """Return whether a check of all pages finds a fault; without `whole`, of the first page."""
    with contextlib.closing(sqlite3.connect(path, timeout=busy_seconds)) as connection:
        connection.text_factory = bytes  # the report of a fault may quote damaged text
        try:
            connection.execute("select count(*) from sqlite_master").fetchone()
            if not whole:
                return False
            row = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if row[0] == b"ok":
                _check_search_tables(connection)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # it may quote damaged text
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in _NO_DAMAGE:
                raise
            return True
        return bool(row[0] != b"ok")


def replace_damaged(path: Path) -> str:
    """Set the damaged file aside, copy what is readable into a new one, say what was done."""
    from chatapp.conversations.migrations import migrations
    from chatapp.conversations.salvage import salvage

    aside = path.with_name(f"{path.name}.corrupt-{stamp()}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    make_file(path)
    fresh = connect(str(path))
    fresh.enable_wal()
    with immediate(fresh):
        migrations.apply(fresh)
    try:
        with immediate(fresh):
            found = salvage(aside, fresh)
        saved = f"{found} were recovered into a new file."
    except sqlite3.Error as error:  # a person must be able to go on, even with an empty file
        saved = f"nothing could be recovered from it ({error})."
    fresh.close()
    return f"The conversation file was damaged. It was kept as {aside}; {saved}{_offer(path)}"


def _offer(path: Path) -> str:
    backups = rolling_backups_of(path)
    if not backups:
        return ""
    return (
        f" The newest backup is {backups[-1]}: `chatapp conversations recover` adds what it has "
        "and the new file has not."
    )


def _check_search_tables(connection: sqlite3.Connection) -> None:
    """Raise DatabaseError when a full-text index is damaged; SQLite's own check skips them."""
    for table in ("messages_fts", "messages_trigram", "parts_fts", "parts_trigram"):
        there = connection.execute("select 1 from sqlite_master where name = ?", [table])
        if there.fetchone():
            connection.execute(f"insert into {table}({table}) values ('integrity-check')")
            connection.rollback()
