"""Bring an index file of an older format up to date, in place and within one transaction.

The thing to know: text, postings and vectors stay as they are; nobody has to add files again.
"""

from __future__ import annotations

from sqlite_utils import Database

from retrieval.store.scope import kind_of


def migrate(database: Database, version: int) -> None:
    """Apply every step after `version`; the caller holds the transaction and notes the result."""
    for step in _STEPS[version - 1 :]:
        step(database)


def _dates_languages_kinds_removals(database: Database) -> None:
    """1 → 2: what filters look at, and which passages are gone."""
    for column, default in (("date", ""), ("language", ""), ("kind", "text")):
        database.execute(
            f"ALTER TABLE documents ADD COLUMN {column} TEXT NOT NULL DEFAULT '{default}'"
        )
    database.conn.create_function("kind_of", 1, kind_of, deterministic=True)
    database.execute("UPDATE documents SET kind = kind_of(uri) WHERE kind_of(uri) <> 'text'")
    database.execute(
        "CREATE TABLE removals (id INTEGER PRIMARY KEY AUTOINCREMENT,"
        " first INTEGER NOT NULL, last INTEGER NOT NULL)"
    )


_STEPS = (_dates_languages_kinds_removals,)
