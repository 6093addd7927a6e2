"""The segments of a full-text table: how many levels they lie on, and one out of all of them.

The thing to know: FTS5 (SQLite 3.40) puts what it merges on a new level, keeps the empty ones, and
calls a table of 2,000 levels malformed. A table that is merged after every removal gets there. So
the levels are counted, and a table is to be filled anew long before.
"""

from __future__ import annotations

from sqlite_utils import Database

MOST_LEVELS = 1_000
MERGE_PAGES = 2_000  # of full text, per transaction: some 8 MB
_STRUCTURE = 10  # the row of a table's data that lists levels and segments
_COOKIE = 4  # bytes before the number of levels


def levels(database: Database) -> int:
    """Return on how many levels the segments lie, empty levels included."""
    row = database.execute(
        "SELECT block FROM passages_fts_data WHERE id = ?", [_STRUCTURE]
    ).fetchone()
    count = 0
    for byte in row[0][_COOKIE:]:  # seven bits a byte, the highest first, as FTS5 writes numbers
        count = count << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return count


def merge_some(database: Database, *, first: bool) -> bool:
    """Merge some pages; return False where nothing was left to merge.

    `first` begins a merge of the segments of all levels; the calls after it go on with that.
    """
    before = database.conn.total_changes
    pages = -MERGE_PAGES if first else MERGE_PAGES
    database.execute("INSERT INTO passages_fts (passages_fts, rank) VALUES ('merge', ?)", [pages])
    return database.conn.total_changes - before >= 2  # as SQLite documents
