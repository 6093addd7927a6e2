"""Rows of sources: which file was read how far, so that ingestion resumes and skips.

The thing to know: `run` numbers the passes over one file. Every document carries the run that last
saw it; when a pass ends, documents of older runs have vanished from the file.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlite_utils import Database

from retrieval.store.records import delete_documents


class Fingerprint(NamedTuple):
    """What a file looked like when it was read."""

    size: int
    mtime_ns: int
    digest: str


class Source(NamedTuple):
    """A file the index knows."""

    id: int
    path: str
    fingerprint: Fingerprint
    run: int
    position: int
    done: bool


def find_source(database: Database, path: str, collection: str) -> Source | None:
    """Return the source at `path` in `collection`, None when it is new."""
    row = database.execute(
        "SELECT id, size, mtime_ns, digest, run, position, done FROM sources"
        " WHERE path = ? AND collection = ?",
        [path, collection],
    ).fetchone()
    if row is None:
        return None
    return Source(row[0], path, Fingerprint(*row[1:4]), row[4], row[5], bool(row[6]))


def begin_run(database: Database, path: str, collection: str, seen: Fingerprint) -> Source:
    """Start a new pass over a file, or take up the interrupted one over the same content."""
    known = find_source(database, path, collection)
    if known and not known.done and known.fingerprint.digest == seen.digest:
        return known
    run = known.run + 1 if known else 1
    database.execute(
        "INSERT INTO sources (path, collection, size, mtime_ns, digest, run, position, done)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (path, collection) DO UPDATE SET"
        " size = excluded.size, mtime_ns = excluded.mtime_ns, digest = excluded.digest,"
        " run = excluded.run, position = 0, done = 0",
        [path, collection, *seen, run],
    )
    source = find_source(database, path, collection)
    assert source is not None
    return source


def save_position(database: Database, source: Source, position: int) -> bool:
    """Record that all lines up to `position` are in the index; False: the source is gone."""
    cursor = database.execute("UPDATE sources SET position = ? WHERE id = ?", [position, source.id])
    return cursor.rowcount == 1


def finish_run(database: Database, source: Source) -> list[int]:
    """Mark the pass complete; return the row ids of documents it did not see."""
    database.execute("UPDATE sources SET done = 1 WHERE id = ?", [source.id])
    rows = database.execute(
        "SELECT id FROM documents WHERE source_id = ? AND run <> ?", [source.id, source.run]
    )
    return [row[0] for row in rows.fetchall()]


def touch_source(database: Database, source: Source, seen: Fingerprint) -> None:
    """Remember the new size and time of a file whose content is the same."""
    database.execute(
        "UPDATE sources SET size = ?, mtime_ns = ? WHERE id = ?",
        [seen.size, seen.mtime_ns, source.id],
    )


def mark_seen(database: Database, row_ids: list[int], run: int) -> None:
    """Note that this run met these documents unchanged."""
    database.conn.executemany(
        "UPDATE documents SET run = ? WHERE id = ?", [(run, row_id) for row_id in row_ids]
    )


def count_documents(database: Database, source: Source) -> int:
    """Return how many documents came from a source."""
    row = database.execute("SELECT count(*) FROM documents WHERE source_id = ?", [source.id])
    return int(row.fetchone()[0])


def sources_under(database: Database, folder: str, collection: str) -> list[tuple[int, str]]:
    """Return (id, path) of the sources that lie below `folder`."""
    prefix = folder.rstrip(os.sep) + os.sep
    rows = database.execute(
        "SELECT id, path FROM sources WHERE substr(path, 1, ?) = ? AND collection = ?",
        [len(prefix), prefix, collection],
    )
    return [(row[0], row[1]) for row in rows.fetchall()]


def forget_empty(database: Database) -> None:
    """Forget files that were read and have no document left, so that adding them reads them."""
    database.execute(
        "DELETE FROM sources WHERE done = 1"
        " AND NOT EXISTS (SELECT 1 FROM documents WHERE source_id = sources.id)"
    )


def delete_source(database: Database, source_id: int) -> int:
    """Forget a source and its documents; return how many documents that were."""
    rows = database.execute("SELECT id FROM documents WHERE source_id = ?", [source_id])
    count = delete_documents(database, [row[0] for row in rows.fetchall()])
    database.execute("DELETE FROM sources WHERE id = ?", [source_id])
    return count


def sources_at(database: Database, path: str) -> list[int]:
    """Return the ids of the sources that are `path` or lie below it, in every collection."""
    prefix = path.rstrip(os.sep) + os.sep
    rows = database.execute(
        "SELECT id FROM sources WHERE path = ? OR substr(path, 1, ?) = ?",
        [path, len(prefix), prefix],
    )
    return [row[0] for row in rows.fetchall()]
