"""Removing words for good: from the database, its log, its search table, and from every backup.

SQLite keeps deleted bytes in three places: freed pages (zeroed by `secure_delete`, which every
connection sets), the write-ahead log (emptied by a truncating checkpoint) and old segments of the
full-text index (rewritten by `optimize`). A backup is a database of its own and is scrubbed alike.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations import ConversationStore
from chatapp.conversations.backups import backups_of, damaged_copies_of
from chatapp.conversations.hashing import replace_text
from chatapp.memory.profile import Profile
from chatapp.memory.types import Fact

if TYPE_CHECKING:
    from sqlite_utils import Database

BLANK = "▒"  # one for every character that was taken out, so offsets of other facts stay true


@dataclass(frozen=True)
class Forgotten:
    """What was removed, and where its words may still stand.

    `mentions` counts other messages that hold the value as a word; `unreachable` are damaged
    files that were set aside and cannot be scrubbed.
    """

    fact: Fact
    message_redacted: bool
    backups_scrubbed: int
    mentions: int
    unreachable: tuple[Path, ...]


def forget(store: ConversationStore, fact_id: str, *, keep_message: bool = False) -> Forgotten:
    """Forget a fact: row, search entry, vector, backups, and the clause it was read from.

    With `keep_message` the clause stays in its conversation; its fact will not be learnt again.

    Raises:
        NotFound: there is no such fact.
        StorageError: a file cannot be written.
    """
    fact = Profile(store).forget(fact_id)
    redact = fact.message_id is not None and not keep_message
    if redact:
        store.write(lambda db: _redact(db, fact), durable=True)
    store.write(_rewrite_search, durable=True)
    store.empty_log()
    scrubbed = 0
    for backup in backups_of(store.path):
        _scrub(backup, fact, redact=redact)
        scrubbed += 1
    return Forgotten(
        fact, redact, scrubbed, _mentions(store, fact), tuple(damaged_copies_of(store.path))
    )


def _redact(db: Database, fact: Fact) -> None:
    """Blank the clause in its message; triggers bring the search table in step."""
    for row in db.query("select key, text from messages where id = ?", [fact.message_id]):
        start, end = fact.start or 0, fact.end or 0
        text = row["text"][:start] + BLANK * (end - start) + row["text"][end:]
        replace_text(db, row["key"], text)
        db.execute("delete from round_vectors where key = ?", [row["key"]])
        if "feedback" in db.table_names():  # a backup may be older than that table
            _redact_feedback(db, fact.source_text)
        # a title made of the question's first words may hold the clause too
        db.execute(
            "update conversations set title = replace(title, ?, ?) where id = ?",
            [fact.source_text, BLANK, fact.conversation_id],
        )


def _redact_feedback(db: Database, clause: str) -> None:
    """Judgements hold copies of what was said, as JSON."""
    if not clause:
        return
    as_json = json.dumps(clause, ensure_ascii=False)[1:-1]
    db.execute("update feedback set prompt = replace(prompt, ?, ?)", [as_json, BLANK])


def _rewrite_search(db: Database) -> None:
    for table in ("messages_fts", "messages_trigram"):
        if table in db.table_names():  # a backup may be older than that table
            db.execute(f"insert into {table}({table}) values ('optimize')")


def _scrub(backup: Path, fact: Fact, *, redact: bool) -> None:
    from sqlite_utils import Database

    with contextlib.closing(sqlite3.connect(backup)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        db = Database(connection)
        tables = set(db.table_names())
        if "facts" in tables:
            db.execute("delete from facts where id = ?", [fact.id])
        if redact:
            if "round_vectors" not in tables:
                connection.execute("create temp table round_vectors (key integer)")
            _redact(db, fact)
        _rewrite_search(db)
        connection.commit()
        connection.execute("PRAGMA journal_mode=DELETE")  # a log beside a backup would keep it
        connection.execute("VACUUM")


def _mentions(store: ConversationStore, fact: Fact) -> int:
    """Count messages that still hold the value as words."""
    words = re.findall(r"\w+", fact.value)
    if not words:
        return 0
    phrase = '"' + " ".join(words) + '"'
    query = "select count(*) as n from messages_fts where messages_fts match ?"
    return store.read(lambda db: int(next(iter(db.query(query, [phrase])))["n"]))
