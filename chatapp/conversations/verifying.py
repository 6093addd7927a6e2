"""Checking a whole conversation file: its pages, the hash of every text, counts and trees.

SQLite's own check finds broken pages; a byte that changed inside a text is found only by the hash
that was written with it. Nothing is locked meanwhile, so another window may go on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatapp.conversations.hashing import content_hash, part_hash
from chatapp.conversations.rows import part_data
from chatapp.conversations.types import Problem

if TYPE_CHECKING:
    from sqlite_utils import Database

_MOST_FAULTS = 100  # of SQLite's own list; one broken page can make thousands

_QUERIES = {
    "its number of messages is wrong": """
        select id from conversations c where message_count <> (
            select count(*) from messages m
            where m.conversation_id = c.id and m.deleted_at is null
        )
    """,
    "it opens at a message that is missing or deleted": """
        select c.id from conversations c left join messages m on m.id = c.tip
        where c.tip is not null
            and (m.id is null or m.conversation_id <> c.id or m.deleted_at is not null)
    """,
    "it answers a message of another conversation": """
        select m.id from messages m join messages p on p.id = m.parent_id
        where p.conversation_id <> m.conversation_id
    """,
    "it is shown although what it answers is deleted": """
        select m.id from messages m join messages p on p.id = m.parent_id
        where m.deleted_at is null and p.deleted_at is not null
    """,
    "search does not know it": """
        select m.id from messages m left join messages_fts_docsize d on d.id = m.key
        where m.status <> 'streaming' and d.id is null
    """,
}


def problems(db: Database) -> Iterator[Problem]:
    """Yield every fault of the file, the gravest kind first."""
    try:
        yield from _pages(db)
        yield from _texts(db)
        for said, query in _QUERIES.items():
            for (place,) in db.execute(query):
                yield Problem(place, said)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        yield Problem("the file", f"it cannot be read on: {error}")


def _pages(db: Database) -> Iterator[Problem]:
    for (said,) in db.conn.execute(f"PRAGMA integrity_check({_MOST_FAULTS})"):
        if said != "ok":
            yield Problem("the file", said)
    for table, row, parent, _ in db.conn.execute("PRAGMA foreign_key_check"):
        yield Problem(f"row {row} of {table}", f"what it names in {parent} is missing")


def _texts(db: Database) -> Iterator[Problem]:
    query = "select id, role, text, content_hash from messages where status <> 'streaming'"
    for place, role, text, hashed in db.execute(query):
        if content_hash(role, text) != hashed:
            yield Problem(place, "its text is not what was written")
    query = "select message_id, n, kind, data, text, content_hash from parts"
    for place, n, kind, data, text, hashed in db.execute(query):
        if part_hash(kind, part_data(data, text)) != hashed:
            yield Problem(place, f"its part {n} ({kind}) is not what was written")
