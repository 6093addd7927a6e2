"""BM25 over SQLite FTS5.

The thing to know: a user's text never reaches the FTS5 query language. It is cut into words of
letters and digits, each word is quoted, and the words are joined by OR, so no input is a syntax
error and no input is an operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlite_utils import Database

from retrieval.store.stemming import Stemmer
from retrieval.terms import content_words

MAX_QUERY_WORDS = 32  # a pasted page is a query too; its first words decide
# FTS5 scores every row that any word matches, about a microsecond each, so the commonest words of a
# long question take most of its time. The bound caps that; it is generous, because words in the
# middle do rank: on 300 questions of squad-train-sample over 105,187 passages recall@5 was 87.7
# without a bound, 87.3 with a third as many postings as passages, 85.3 with a tenth.
MAX_POSTINGS = 200_000
_WEIGHTS = "1.0, 1.0, 1.0"  # title, heading, text


class LexicalHit(NamedTuple):
    """A passage row id with its BM25 score; higher is better."""

    passage: int
    score: float


def search_lexical(
    database: Database, stemmer: Stemmer, query: str, k: int, collections: Sequence[str] = ()
) -> list[LexicalHit]:
    """Return the `k` best passages for `query`, best first."""
    chosen = _selective_words(database, stemmer, content_words(query)[:MAX_QUERY_WORDS])
    if not chosen or k <= 0:
        return []
    where, values = collection_filter(collections)
    rows = database.execute(
        f"SELECT rowid, bm25(passages_fts, {_WEIGHTS}) AS score FROM passages_fts"
        f" WHERE passages_fts MATCH ? {where} ORDER BY score LIMIT ?",
        [" OR ".join(f'"{word}"' for word in chosen), *values, k],
    )
    return [LexicalHit(rowid, -score) for rowid, score in rows]


def _selective_words(database: Database, stemmer: Stemmer, words: list[str]) -> list[str]:
    """Return the words to search for, rarest first: two at least, then as many as stay cheap."""
    stems = dict(zip(words, stemmer.stems(words), strict=True))
    frequency = document_frequencies(database, list(stems.values()))
    chosen: list[str] = []
    postings = 0
    for word in sorted(words, key=lambda word: frequency.get(stems[word], 0)):
        postings += frequency.get(stems[word], 0)
        if len(chosen) >= 2 and postings > MAX_POSTINGS:
            break
        chosen.append(word)
    return chosen


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
