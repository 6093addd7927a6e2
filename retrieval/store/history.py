"""Where a database stands in its history, so that a cache knows what it holds and what it lacks.

The thing to know: passage numbers only grow and `removals` lists which are gone, so a cache that
covers the numbers up to one, and the removals up to one, lacks exactly what came after both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from retrieval.store.cache import Header
from retrieval.store.records import get_meta
from retrieval.store.sql import Sql

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Moment(NamedTuple):
    """The highest passage number ever given, and the number of the last removal."""

    highest: int
    removed: int


def moment(sql: Sql) -> Moment:
    """Return where the database stands in this snapshot."""
    [highest] = sql.execute(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'passages'), 0)"
    ).fetchone()
    [removed] = sql.execute("SELECT coalesce(max(id), 0) FROM removals").fetchone()
    return Moment(int(highest), int(removed))


def header(sql: Sql, highest: int, content: dict[str, object]) -> Header:
    """Return the header of a cache made in this snapshot, up to the passage `highest`."""
    removed = moment(sql).removed
    database = get_meta(sql, "database_id")
    return Header(database, highest, removed, _mark(sql, highest, removed), content)


def belongs(sql: Sql, header: Header) -> bool:
    """Whether a cache was made from an earlier state of this very database, or from this one."""
    now = moment(sql)
    if header.database != get_meta(sql, "database_id") or header.removed > now.removed:
        return False
    if header.mark == _mark(sql, header.highest, header.removed):
        return True
    gone = sql.execute(
        "SELECT 1 FROM removals WHERE id > ? AND first <= ? AND last >= ?",
        [header.removed, header.highest, header.highest],
    )
    return gone.fetchone() is not None


def removed_since(sql: Sql, removal: int) -> NDArray[np.int64]:
    """Return the numbers of the passages removed after a removal, ascending."""
    rows = sql.execute("SELECT first, last FROM removals WHERE id > ?", [removal])
    return numbers_in(rows.fetchall())


def numbers_in(runs: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Return the numbers that runs (first, last) hold, ascending."""
    import numpy as np

    if not runs:
        return np.zeros(0, dtype=np.int64)
    first, last = np.array(sorted(runs), dtype=np.int64).T
    sizes = last - first + 1
    offsets = np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    numbers: NDArray[np.int64] = offsets + np.arange(int(sizes.sum()))
    return numbers


def _mark(sql: Sql, highest: int, removed: int) -> str:
    """Return what the passage `highest` and the removal `removed` are, "" for one that is gone."""
    passage = sql.execute(
        "SELECT key, digest FROM passages JOIN documents ON documents.id = document_id"
        " WHERE passages.id = ?",
        [highest],
    ).fetchone()
    removal = sql.execute("SELECT first, last FROM removals WHERE id = ?", [removed]).fetchone()
    parts = [f"{passage[0]} {passage[1].hex()}" if passage else ""]
    parts.append(f"{removal[0]}-{removal[1]}" if removal else "")
    return "/".join(parts)
