"""Adding to a conversation file what a backup, or a damaged file, still has and it has not.

Rows are told apart by their ids, and what is there stays as it is: nothing that was changed since
is changed back. What was purged is removed from the scratch copy first: a damaged file, or a copy
that a person made, could not be cleaned. No facts are taken from a damaged file; see
`chatapp.memory` for what was forgotten.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations.connecting import BUSY_SECONDS, connect
from chatapp.conversations.damage import is_damaged
from chatapp.conversations.erasing import purge_conversation, purge_message
from chatapp.conversations.salvage import RECOUNT, RECOVERED_TITLE, Found, salvage
from chatapp.conversations.writer import immediate

if TYPE_CHECKING:
    from sqlite_utils import Database

# Tables whose rows have ids of their own. A row key may have been given away since: then a new one.
_KEYED = ("messages", "feedback")
_NOT_THERE = "id not in (select id from main.messages union all select id from main.conversations)"


@contextlib.contextmanager
def readable_copy(copy: Path, purged: Iterable[str]) -> Iterator[tuple[Path, bool]]:
    """Yield a scratch file with the rows of `copy` in the newest schema, and if it was damaged.

    `purged` are ids of conversations and messages that are left out.
    """
    from chatapp.conversations.migrations import migrations

    with tempfile.TemporaryDirectory(prefix="chatapp-recover-") as scratch:
        path = Path(scratch) / "copy.sqlite3"
        damaged = ".corrupt-" in copy.name or is_damaged(copy, BUSY_SECONDS)
        if not damaged:
            shutil.copyfile(copy, path)
        db = connect(str(path))
        with immediate(db):
            migrations.apply(db)
        if damaged:
            with immediate(db):
                salvage(copy, db)
        with immediate(db):
            for row_id in purged:
                purge_conversation(db, row_id)
                purge_message(db, row_id)
        db.close()
        yield path, damaged


def merge(db: Database, *, facts: bool) -> Found:
    """Add the rows of the attached database `copy`, inside a transaction; count what was added."""
    before, changed = _counts(db), _gaining(db)
    db.conn.execute("PRAGMA defer_foreign_keys=ON")
    _add(db, "conversations")
    _restore_lost_rows(db)
    for table in _KEYED:
        _add(db, table)
        _add(db, table, without="key")
    _restore_parents(db)
    for table in ("citations", "parts", "tags", "summaries"):
        _add(db, table, without="key")
    _add(db, "purged", where=_NOT_THERE)  # what was imported again since is wanted
    # a turn has no id: an answer that has any has them all
    _add(db, "turns", without="key", where="message_id not in (select message_id from main.turns)")
    if facts:
        _add_facts(db)
    db.execute(RECOUNT)
    conversations, messages = _counts(db)
    return Found(conversations - before[0], messages - before[1], changed)


def _gaining(db: Database) -> tuple[str, ...]:
    """Return the conversations that get their title, messages or what belongs to them back."""
    query = """
        select id from main.conversations where title = :lost
        union
        select conversation_id from copy.messages where id not in (select id from main.messages)
        union
        select conversation_id from copy.feedback where id not in (select id from main.feedback)
        union
        select conversation_id from copy.messages where id in (
            select message_id from copy.parts
            where (message_id, n) not in (select message_id, n from main.parts)
            union
            select message_id from copy.summaries
            where message_id not in (select message_id from main.summaries)
            union
            select message_id from copy.turns
            where message_id not in (select message_id from main.turns)
        )
    """
    found = db.execute(query, {"lost": RECOVERED_TITLE})
    return tuple(row[0] for row in found if row[0])  # a judgement may have outlived its messages


def _add(db: Database, table: str, *, without: str = "", where: str = "true") -> None:
    names = ", ".join(name for name in db.table(table).columns_dict if name != without)
    db.execute(
        f"insert or ignore into main.{table} ({names}) "
        f"select {names} from copy.{table} where {where} order by rowid"
    )


def _restore_lost_rows(db: Database) -> None:
    """Give conversations that only their messages were left of their titles and settings back."""
    columns = [name for name in db.table("conversations").columns_dict if name not in ("id", "rev")]
    names = ", ".join(columns)
    db.execute(
        f"""
        update main.conversations set ({names}) = (
            select {names} from copy.conversations c where c.id = conversations.id
        ) where title = ? and id in (select id from copy.conversations)
        """,
        [RECOVERED_TITLE],
    )


def _restore_parents(db: Database) -> None:
    """Hang messages that had lost their parent back where they were."""
    db.execute(
        """
        update main.messages set parent_id = (
            select c.parent_id from copy.messages c where c.id = messages.id
        ) where parent_id is null and id in (
            select id from copy.messages where parent_id is not null
        )
        """
    )


def _add_facts(db: Database) -> None:
    # The marks of what was forgotten are salted: they mean nothing beside another salt.
    if not db.execute("select 1 from main.memory_salt").fetchone():
        _add(db, "memory_salt")
        _add(db, "memory_tombstones")
    _add(db, "facts")
    _add(db, "facts", without="key")
    _add(db, "fact_uses")
    _add(db, "earlier_values")


def _counts(db: Database) -> tuple[int, int]:
    query = "select (select count(*) from conversations), (select count(*) from messages)"
    conversations, messages = db.execute(query).fetchone()
    return conversations, messages


@contextlib.contextmanager
def attached(db: Database, copy: Path) -> Iterator[None]:
    """Attach a file as `copy` to a connection that is in no transaction."""
    db.conn.execute("ATTACH ? AS copy", [str(copy)])
    try:
        yield
    finally:
        with contextlib.suppress(sqlite3.OperationalError):
            db.conn.execute("DETACH copy")
