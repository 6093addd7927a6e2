"""The journal: which file was read how far, so that ingestion resumes and skips.

The thing to know: `run` numbers the passes over one file. Every document carries the run that last
saw it; when a pass ends, documents of older runs have vanished from the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import NamedTuple

from retrieval.store.sql import Sql
from retrieval.types import IngestProblem


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


class Journal:
    """Rows of `sources`, within the transaction of the caller."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def find(self, path: str, collection: str) -> Source | None:
        """Return the source at `path` in `collection`, None when it is new."""
        row = self._sql.execute(
            "SELECT id, size, mtime_ns, digest, run, position, done FROM sources"
            " WHERE path = ? AND collection = ?",
            [path, collection],
        ).fetchone()
        if row is None:
            return None
        return Source(row[0], path, Fingerprint(*row[1:4]), row[4], row[5], bool(row[6]))

    def begin_run(self, path: str, collection: str, seen: Fingerprint) -> Source:
        """Start a new pass over a file, or take up the interrupted one over the same content."""
        known = self.find(path, collection)
        if known and not known.done and known.fingerprint.digest == seen.digest:
            return known
        run = known.run + 1 if known else 1
        self._sql.execute(
            "INSERT INTO sources (path, collection, size, mtime_ns, digest, run, position, done)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (path, collection) DO UPDATE SET"
            " size = excluded.size, mtime_ns = excluded.mtime_ns, digest = excluded.digest,"
            " run = excluded.run, position = 0, done = 0",
            [path, collection, *seen, run],
        )
        source = self.find(path, collection)
        assert source is not None
        return source

    def save_position(self, source: Source, position: int) -> bool:
        """Record that all lines up to `position` are in the index; False: the source is gone."""
        # The row of a source that is gone may be another's by now.
        sql = "UPDATE sources SET position = ? WHERE id = ? AND path = ?"
        return self._sql.execute(sql, [position, source.id, source.path]).rowcount == 1

    def finish_run(self, source: Source) -> list[int]:
        """Mark the pass complete; return the rows of the documents it did not see."""
        self._sql.execute("UPDATE sources SET done = 1 WHERE id = ?", [source.id])
        return self.unseen(source)

    def unseen(self, source: Source) -> list[int]:
        """Return the rows of the documents that the latest pass has not seen."""
        rows = self._sql.execute(
            "SELECT id FROM documents WHERE source_id = ? AND run <> ?", [source.id, source.run]
        )
        return [row[0] for row in rows.fetchall()]

    def touch(self, source: Source, seen: Fingerprint) -> None:
        """Remember the new size and time of a file whose content is the same."""
        self._sql.execute(
            "UPDATE sources SET size = ?, mtime_ns = ? WHERE id = ?",
            [seen.size, seen.mtime_ns, source.id],
        )

    def mark_seen(self, documents: list[int], run: int) -> None:
        """Note that this run met these documents unchanged."""
        self._sql.executemany(
            "UPDATE documents SET run = ? WHERE id = ?", [(run, row) for row in documents]
        )

    def count_documents(self, source: Source) -> int:
        """Return how many documents came from a source."""
        sql = "SELECT count(*) FROM documents WHERE source_id = ?"
        return int(self._sql.execute(sql, [source.id]).fetchone()[0])

    def documents_of(self, source: int) -> list[int]:
        """Return the rows of the documents that came from a source."""
        rows = self._sql.execute("SELECT id FROM documents WHERE source_id = ?", [source])
        return [row[0] for row in rows.fetchall()]

    def under(self, place: str, collection: str) -> list[tuple[int, str]]:
        """Return (id, path) of the sources that are `place` or lie below it."""
        prefix = place.rstrip(os.sep) + os.sep
        rows = self._sql.execute(
            "SELECT id, path FROM sources"
            " WHERE (path = ? OR substr(path, 1, ?) = ?) AND collection = ?",
            [place, len(prefix), prefix, collection],
        )
        return [(row[0], row[1]) for row in rows.fetchall()]

    def at(self, path: str) -> list[int]:
        """Return the ids of the sources that are `path` or lie below it, in every collection."""
        prefix = path.rstrip(os.sep) + os.sep
        rows = self._sql.execute(
            "SELECT id FROM sources WHERE path = ? OR substr(path, 1, ?) = ?",
            [path, len(prefix), prefix],
        )
        return [row[0] for row in rows.fetchall()]

    def forget(self, source: int) -> None:
        """Forget a source whose documents are gone."""
        self._sql.execute("DELETE FROM sources WHERE id = ?", [source])

    def keep_problems(self, problems: Sequence[IngestProblem]) -> None:
        """Remember what is wrong with files, in place of what was remembered."""
        told = json.dumps([[each.path, each.message, each.hint] for each in problems])
        self._sql.execute(
            "INSERT INTO meta (key, value) VALUES ('problems', ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [told],
        )

    def problems(self) -> list[IngestProblem]:
        """Return what was remembered."""
        row = self._sql.execute("SELECT value FROM meta WHERE key = 'problems'").fetchone()
        return [IngestProblem(*told) for told in json.loads(row[0])] if row else []

    def forget_empty(self) -> None:
        """Forget files that were read and have no document left, so that adding reads them."""
        self._sql.execute(
            "DELETE FROM sources WHERE done = 1"
            " AND NOT EXISTS (SELECT 1 FROM documents WHERE source_id = sources.id)"
        )
