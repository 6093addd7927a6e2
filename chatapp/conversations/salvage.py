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
    ("summaries", "rowid"),
    ("tags", "rowid"),
    ("drafts", "rowid"),
    ("facts", "key"),
    ("fact_uses", "rowid"),
    ("memory_tombstones", "rowid"),  # or what was forgotten could come back
    ("memory_salt", "rowid"),
    ("earlier_values", "rowid"),
    ("feedback", "key"),
    ("purged", "rowid"),
)
RECOUNT = """
    update conversations set message_count = (
        select count(*) from messages m
        where m.conversation_id = conversations.id and m.deleted_at is null
    )
"""
_PAGE_COUNT = range(28, 32)  # bytes of the database header; zero means "see the file's size"


@dataclass(frozen=True)
class Found:
    """How much was recovered; `changed` are the conversations that got anything."""

    conversations: int
    messages: int
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in words: "1 conversation and 2 messages"."""
        parts = {"conversation": self.conversations, "message": self.messages}
        return " and ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in parts.items())


def salvage(damaged: Path, target: Database) -> Found:
    """Copy every readable row of `damaged` into `target`, an empty store in a transaction."""
    with tempfile.TemporaryDirectory(prefix="chatapp-salvage-") as scratch:
        copy = Path(scratch) / "copy.sqlite3"
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
        _believe_size_on_disk(copy)
        # Rows may arrive before the parents they name; the check is made when all are there.
        target.conn.execute("PRAGMA defer_foreign_keys=ON")
        with contextlib.closing(sqlite3.connect(copy)) as source:
            source.text_factory = lambda raw: raw.decode("utf-8", "replace")
            # one table that is described wrongly must not make all others unreadable
            source.execute("PRAGMA writable_schema=ON")
            for table, key in _TABLES:
                _copy_table(source, target, table, key)
    _mend(target)
    return Found(target.table("conversations").count, target.table("messages").count)


def _copy_table(source: sqlite3.Connection, target: Database, table: str, key: str) -> None:
    """Copy the columns that both files have; an older or damaged file may lack the table."""
    try:
        found = source.execute(f"select * from {table} limit 0").description
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return
    columns = [name for name, *_ in found if name in target.table(table).columns_dict]
    names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
    target.conn.executemany(
        f"insert or ignore into {table} ({names}) values ({marks})",
        _readable(source, f"select {key}, {names} from {table}", key),
    )


def _believe_size_on_disk(copy: Path) -> None:
    """Clear the page count in the header: SQLite refuses all of a file that lost its end."""
    with copy.open("r+b") as file:
        if len(file.read(_PAGE_COUNT.stop)) == _PAGE_COUNT.stop:
            file.seek(_PAGE_COUNT.start)
            file.write(bytes(4))


def _readable(source: sqlite3.Connection, query: str, key: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table from both ends up to what cannot be read, without their key."""
    seen: set[int] = set()
    for direction in ("asc", "desc"):
        # Python fails to decode error messages that quote damaged text.
        with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            for number, *row in source.execute(f"{query} order by {key} {direction}"):
                if number in seen:
                    return
                seen.add(number)
                yield tuple(row)


def _mend(target: Database) -> None:
    """Repair what lost rows left dangling; messages without a conversation get one by that id."""
    now = {"now": timestamp(utc_now()), "title": RECOVERED_TITLE}
    for statement in (
        "update messages set usage = '{}' where not json_valid(usage)",
        "update turns set seen = '{}' where not json_valid(seen)",
        # A message whose parent is lost becomes a root; so does one in a loop of damaged ids.
        """
        with recursive reached(id) as (
            select id from messages
            where parent_id is null or parent_id not in (select id from messages)
            union all
            select m.id from messages m join reached r on m.parent_id = r.id
        )
        update messages set parent_id = null
        where parent_id not in (select id from messages) or id not in (select id from reached)
        """,
        *(
            f"delete from {table} where message_id not in (select id from messages)"
            for table in ("citations", "parts", "turns", "summaries", "fact_uses")
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
        "delete from tags where conversation_id not in (select id from conversations)",
        "update conversations set options = '{}' where not json_valid(options)",
        RECOUNT,
        """
        update conversations set tip = (
            select id from messages m
            where m.conversation_id = conversations.id and m.deleted_at is null
            order by key desc limit 1
        ) where tip is null or tip not in (select id from messages)
        """,
    ):
        target.execute(statement, now)
