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
            conversations = list(_readable(source, "conversations", "rowid"))
            messages = list(_readable(source, "messages", "key"))
            citations = list(_readable(source, "citations", "rowid"))
    _store(target, conversations, messages, citations)
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
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in source.execute(query):
                if row["_key"] in seen:
                    return
                seen.add(row["_key"])
                yield {name: row[name] for name in row.keys() if name != "_key"}  # noqa: SIM118


def _store(
    target: Database, conversations: list[Row], messages: list[Row], citations: list[Row]
) -> None:
    # Rows may arrive before the parents they name; the check is made when the copy is complete.
    target.conn.execute("PRAGMA defer_foreign_keys=ON")
    message_ids = {row["id"] for row in messages}
    _adopt_orphans(conversations, messages)
    for row in messages:
        if row["parent_id"] not in message_ids:
            row["parent_id"] = None
    newest = {row["conversation_id"]: row["id"] for row in messages}
    for row in conversations:
        if row["tip"] not in message_ids:
            row["tip"] = newest.get(row["id"])
    target.table("conversations").insert_all(conversations, ignore=True)
    target.table("messages").insert_all(messages, ignore=True)
    target.table("citations").insert_all(
        (row for row in citations if row["message_id"] in message_ids), ignore=True
    )


def _adopt_orphans(conversations: list[Row], messages: list[Row]) -> None:
    """Give messages whose conversation was lost a new one each, under a title that says so."""
    known = {row["id"] for row in conversations}
    now = timestamp(utc_now())
    for lost in dict.fromkeys(row["conversation_id"] for row in messages):
        if lost not in known:
            conversations.append(
                {
                    "id": lost,
                    "title": RECOVERED_TITLE,
                    "created_at": now,
                    "updated_at": now,
                    "deleted_at": None,
                    "tip": None,
                }
            )
