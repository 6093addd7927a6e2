"""BM25 over SQLite FTS5: what full text in the database says, before any cache.

The thing to know: a user's text never reaches the FTS5 query language. It comes as words of letters
and digits, each is quoted, and they are joined by OR, so no input is a syntax error and no input is
an operator.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.store.protocol import Scope, Scored
from retrieval.store.scope import passages_in
from retrieval.store.sql import Sql, blocks, marks

_WEIGHTS = "1.0, 1.0, 1.0"  # title, heading, text


def glob(expression: str, pattern: str) -> tuple[str, str]:
    """Return the condition that an expression matches a glob, in SQLite."""
    return f"{expression} GLOB ?", pattern


def search_fts(sql: Sql, words: Sequence[str], k: int, scope: Scope) -> list[Scored]:
    """Return the `k` best passages for `words`, best first; of equal ones the older first."""
    if not words or k <= 0:
        return []
    where, values = passages_in(scope, glob)
    rows = sql.execute(
        f"SELECT rowid, bm25(passages_fts, {_WEIGHTS}) AS score FROM passages_fts"
        f" WHERE passages_fts MATCH ? {'' if scope.everything else f'AND rowid IN ({where})'}"
        " ORDER BY score, rowid LIMIT ?",
        [" OR ".join(f'"{word}"' for word in words), *values, k],
    )
    return [Scored(rowid, -score) for rowid, score in rows]


def document_frequencies(sql: Sql, stems: Sequence[str]) -> dict[str, int]:
    """Return in how many passages each stem occurs; stems that never occur are left out."""
    found: dict[str, int] = {}
    for block in blocks(stems):
        rows = sql.execute(
            f"SELECT term, doc FROM passages_vocabulary WHERE term IN ({marks(block)})", block
        )
        found.update(rows.fetchall())
    return found
