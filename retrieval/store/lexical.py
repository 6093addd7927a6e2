"""BM25 over SQLite FTS5.

The thing to know: a user's text never reaches the FTS5 query language. It is cut into words of
letters and digits, each word is quoted, and the words are joined by OR, so no input is a syntax
error and no input is an operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlite_utils import Database

from retrieval.terms import content_words

MAX_QUERY_WORDS = 32  # a pasted page is a query too; its first words decide
_WEIGHTS = "1.0, 1.0, 1.0"  # title, heading, text


class LexicalHit(NamedTuple):
    """A passage row id with its BM25 score; higher is better."""

    passage: int
    score: float


def match_expression(query: str) -> str:
    """Return the FTS5 expression for a user's text, "" when it holds no word."""
    return " OR ".join(f'"{word}"' for word in content_words(query)[:MAX_QUERY_WORDS])


def search_lexical(
    database: Database, query: str, k: int, collections: Sequence[str] = ()
) -> list[LexicalHit]:
    """Return the `k` best passages for `query`, best first."""
    expression = match_expression(query)
    if not expression or k <= 0:
        return []
    where, values = collection_filter(collections)
    rows = database.execute(
        f"SELECT rowid, bm25(passages_fts, {_WEIGHTS}) AS score FROM passages_fts"
        f" WHERE passages_fts MATCH ? {where} ORDER BY score LIMIT ?",
        [expression, *values, k],
    )
    return [LexicalHit(rowid, -score) for rowid, score in rows]


def collection_filter(collections: Sequence[str]) -> tuple[str, list[str]]:
    """Return SQL that keeps passages of `collections` (all when empty) and its values."""
    if not collections:
        return "", []
    marks = ",".join("?" * len(collections))
    sql = (
        "AND rowid IN (SELECT passages.id FROM passages JOIN documents"
        f" ON documents.id = document_id WHERE collection IN ({marks}))"
    )
    return sql, list(collections)


def document_frequencies(database: Database, stems: Sequence[str]) -> dict[str, int]:
    """Return in how many passages each stem occurs; stems that never occur are left out."""
    marks = ",".join("?" * len(stems))
    rows = database.execute(
        f"SELECT term, doc FROM passages_vocabulary WHERE term IN ({marks})", list(stems)
    )
    return dict(rows.fetchall())
