"""Copies what can still be read out of a damaged conversation file into a fresh one.

It works on a scratch copy, so the damaged file stays exactly as it was found. Each table is read
from both ends up to the damaged pages; rows that lost their parent or conversation are kept.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatapp.conversations.ids import timestamp, utc_now

if TYPE_CHECKING:
    from sqlite_utils import Database

RECOVERED_TITLE = "Recovered messages"

_TABLES = (
    ("conversations", "rowid"),
    ("messages", "key"),
    ("citations", "rowid"),
    ("parts", "key"),
    ("turns", "key"),
    ("tags", "rowid"),
    ("drafts", "rowid"),
    ("facts", "key"),
    ("memory_tombstones", "rowid"),  # or what was forgotten could come back
    ("memory_salt", "rowid"),
    ("feedback", "key"),
)
_PAGE_COUNT = range(28, 32)  # bytes of the database header; zero means "see the file's size"

Row = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """How much was recovered."""

    conversations: int
    messages: int


def salvage(damaged: Path, target: Database) -> Found:
    """Copy every readable row of `damaged` into `target`, an empty store in a transaction."""
    with tempfile.TemporaryDirectory(prefix="chatapp-salvage-") as scratch:
        copy = Path(scratch) / "copy.sqlite3"
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
        _believe_size_on_disk(copy)
        with contextlib.closing(sqlite3.connect(copy)) as source:
            source.row_factory = sqlite3.Row
            source.text_factory = lambda raw: raw.decode("utf-8", "replace")
            tables = {table: list(_readable(source, table, key)) for table, key in _TABLES}
    # Rows may arrive before the parents they name; the check is made when the copy is complete.
    target.conn.execute("PRAGMA defer_foreign_keys=ON")
    for table, found in tables.items():
        columns = target.table(table).columns_dict
        for row in found:
            known = {name: value for name, value in row.items() if name in columns}
            target.table(table).insert(known, ignore=True)
    _mend(target)
    return Found(target.table("conversations").count, target.table("messages").count)


def _believe_size_on_disk(copy: Path) -> None:
    """Clear the page count in the header: SQLite refuses all of a file that lost its end."""
    with copy.open("r+b") as file:
        if len(file.read(_PAGE_COUNT.stop)) == _PAGE_COUNT.stop:
            file.seek(_PAGE_COUNT.start)
            file.write(bytes(4))


def _readable(source: sqlite3.Connection, table: str, key: str) -> Iterator[Row]:
    seen: set[int] = set()
    for direction in ("asc", "desc"):
        query = f"select {key} as _key, * from {table} order by {key} {direction}"
        # Python fails to decode error messages that quote damaged text.
        with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            for row in source.execute(query):
                if row["_key"] in seen:
                    return
                seen.add(row["_key"])
                yield {name: row[name] for name in row.keys() if name != "_key"}  # noqa: SIM118


def _mend(target: Database) -> None:
    """Repair what lost rows left dangling; messages without a conversation get one by that id."""
    now = {"now": timestamp(utc_now()), "title": RECOVERED_TITLE}
    for statement in (
        "update messages set usage = '{}' where not json_valid(usage)",
        # A parent is always written before its child; anything else would be a loop.
        """
        update messages set parent_id = null where not exists (
            select 1 from messages p where p.id = messages.parent_id and p.key < messages.key
        )
        """,
        *(
            f"delete from {table} where message_id not in (select id from messages)"
            for table in ("citations", "parts", "turns")
        ),
        *(
            f"update {table} set {column}_id = null "
            f"where {column}_id not in (select id from {column}s)"
            for table in ("facts", "feedback")
            for column in ("message", "conversation")
        ),
        """
        insert into conversations (id, title, created_at, updated_at)
        select distinct conversation_id, :title, :now, :now from messages
        where conversation_id not in (select id from conversations)
        """,
        """
        delete from tags where conversation_id not in (select id from conversations)
        """,
        "update conversations set options = '{}' where not json_valid(options)",
        """
        update conversations set message_count = (
            select count(*) from messages m
            where m.conversation_id = conversations.id and m.deleted_at is null
        )
        """,
        """
        update conversations set tip = (
            select id from messages m
            where m.conversation_id = conversations.id and m.deleted_at is null
            order by key desc limit 1
        ) where tip is null or tip not in (select id from messages)
        """,
    ):
        target.execute(statement, now)
