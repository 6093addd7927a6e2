"""The PostgreSQL store: documents, postings and vectors in the schema `chatapp` of one database.

The thing to know: it gives the scores that the embedded store gives. Words are cut by the same
tokenizer before they get here, BM25 is the same formula over exact counts, and vectors are the same
int8 values. Up to `nearest.FLAT_LIMIT` vectors the nearest are found by looking at all; beyond, by
pgvector's HNSW graph (Malkov and Yashunin, 2016), whose candidates are scored exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from retrieval.store import records
from retrieval.store.nearest import FLAT_LIMIT
from retrieval.store.postgres.connections import PostgresConnections, PostgresSql
from retrieval.store.postgres.glob import glob
from retrieval.store.postgres.schema import ensure_schema, make_vectors_table
from retrieval.store.protocol import (
    NewDocument,
    Scope,
    Scored,
    Stats,
    Stop,
    Unembedded,
)
from retrieval.store.scope import passages_in
from retrieval.store.session import RecordSession
from retrieval.store.sql import Cursor
from retrieval.store.stemming import Stemmer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEARCHED = 200  # of the graph's nodes; pgvector's `ef_search`


class PostgresStore:
    """A `Store` in a PostgreSQL database."""

    def __init__(self, connections: PostgresConnections, embedder: str, dimension: int) -> None:
        """Use `PostgresStore.open`."""
        self._connections = connections
        self._embedder = embedder
        self._dimension = dimension
        self._stemmer = Stemmer()

    @classmethod
    def open(
        cls, dsn: str, *, embedder: str = "", dimension: int = 0, read_only: bool = False
    ) -> PostgresStore:
        """Open the database at `dsn` for vectors of the embedder with this id ("" for none).

        Raises:
            IndexUnavailable: out of reach, no pgvector, or no right to write; the hint names the
                fix.
        """
        connections = PostgresConnections(dsn, read_only=read_only)
        try:
            ensure_schema(connections)
        except BaseException:
            connections.close()
            raise
        return cls(connections, embedder, dimension)

    @property
    def location(self) -> str:
        """Host and database, without user and password."""
        return self._connections.location

    @contextmanager
    def reading(self) -> Iterator[PostgresSession]:
        """Hold one snapshot."""
        with self._connections.reading() as sql:
            yield self._session(sql)

    @contextmanager
    def writing(self, *, erase: bool = False) -> Iterator[PostgresSession]:
        """Hold one transaction. When freed space is overwritten is the server's affair."""
        with self._connections.writing() as sql:
            yield self._session(sql)

    def tidy(self, stop: Stop, *, merge: bool) -> None:
        """Make the graph over the vectors once there are many."""
        if stop() or not self._embedder or self._connections.read_only:
            return
        with self.writing() as session:
            if session.has_vectors() and records.count(session, "vectors") > FLAT_LIMIT:
                session.execute(
                    "CREATE INDEX IF NOT EXISTS vectors_near ON vectors"
                    " USING hnsw (embedding vector_ip_ops)"
                )

    def rebuild(self, stop: Stop) -> None:
        """Make the graph anew and let the server count what it holds."""
        with self.writing() as session:
            session.execute("DROP INDEX IF EXISTS vectors_near")
        self.tidy(stop, merge=True)
        with self.writing() as session:
            session.execute("ANALYZE postings, passages, documents")

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def _session(self, sql: PostgresSql) -> PostgresSession:
        return PostgresSession(sql, self._embedder, self._dimension, self._stemmer)


class PostgresSession(RecordSession):
    """A `Transaction` (and so a `Snapshot`) on one connection."""

    def __init__(self, sql: PostgresSql, embedder: str, dimension: int, stemmer: Stemmer) -> None:
        super().__init__(embedder)
        self._sql = sql
        self._dimension = dimension
        self._stemmer = stemmer

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""
        return self._sql.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Run one statement for each row of values."""
        self._sql.executemany(sql, rows)

    def lexical(self, words: Sequence[str], k: int, scope: Scope) -> list[Scored]:
        """Return the best passages by BM25."""
        from retrieval.store.postings.bm25 import K1, B, idf

        times = Counter(self._stemmer.stems(words))
        passages, total = self.execute("SELECT passages, words FROM totals").fetchone()
        known = self.frequencies(list(times))
        if not known or k <= 0:
            return []
        weights = [times[stem] * idf(passages, often) for stem, often in known.items()]
        inside, values = passages_in(scope, glob)
        where = "" if scope.everything else f"WHERE passage IN ({inside})"
        rows = self.execute(
            f"SELECT passage, sum(weight * {K1 + 1} * often / (often + {K1} * ({1 - B} + {B}"
            " * words / ?::float8))) AS score FROM unnest(?::text[], ?::float8[]) AS asked"
            f" (stem, weight) JOIN postings ON postings.stem = asked.stem {where}"
            " GROUP BY passage ORDER BY score DESC, passage LIMIT ?",
            [total / passages, list(known), weights, *values, k],
        )
        return [Scored(passage, score) for passage, score in rows]

    def dense(self, vector: NDArray[np.float32], k: int, scope: Scope) -> list[Scored]:
        """Return the nearest passages; none while the vectors are another embedder's."""
        if not self.has_vectors() or k <= 0:
            return []
        if scope.everything:
            self.execute(f"SET LOCAL hnsw.ef_search = {max(_SEARCHED, min(2 * k, 1000))}")
            inner, values = "SELECT passage, embedding FROM vectors", list[object]()
        else:  # the graph would find the nearest of all and leave few of them in scope
            self.execute("SET LOCAL enable_indexscan = off")
            inside, values = passages_in(scope, glob)
            inner = f"SELECT passage, embedding FROM vectors WHERE passage IN ({inside})"
        query = _written(vector)
        rows = self.execute(
            "SELECT passage, -(embedding <#> ?::vector) AS score FROM"
            f" ({inner} ORDER BY embedding <#> ?::vector LIMIT ?) AS near"
            " ORDER BY score DESC, passage LIMIT ?",
            [query, *values, query, k + 20, k],
        ).fetchall()
        if not scope.everything:
            self.execute("SET LOCAL enable_indexscan = on")
        return [Scored(passage, score) for passage, score in rows]

    def unembedded(self, limit: int) -> list[Unembedded]:
        """Return documents that have passages without vectors."""
        if not self.has_vectors():
            return []
        rows = self.execute(
            "SELECT DISTINCT document_id FROM passages WHERE NOT EXISTS"
            " (SELECT 1 FROM vectors WHERE passage = passages.id) LIMIT ?",
            [limit],
        )
        return [records.to_embed(self, row[0]) for row in rows.fetchall()]

    def frequencies(self, stems: Sequence[str]) -> dict[str, int]:
        """Return in how many passages each stem occurs."""
        rows = self.execute(
            "SELECT stem, count(*) FROM postings WHERE stem = ANY(?) GROUP BY stem ORDER BY stem",
            [list(stems)],
        )
        return dict(rows.fetchall())

    def count_passages(self) -> int:
        """Return how many passages there are."""
        return int(self.execute("SELECT passages FROM totals").fetchone()[0])

    def stats(self) -> Stats:
        """Return how much there is."""
        size = self.execute(
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
            " WHERE relnamespace = 'chatapp'::regnamespace AND relkind = 'r'"
        ).fetchone()
        return Stats(
            documents=records.count(self, "documents"),
            passages=self.count_passages(),
            vectors=records.count(self, "vectors") if self.has_vectors() else 0,
            bytes_on_disk=int(size[0]),
            collections=records.collections(self),
        )

    def add(self, new: NewDocument, source: int | None, run: int) -> None:
        """Write a document with its passages, postings and vectors."""
        document = records.insert_document(self, new, source, run)
        numbers = self._new_numbers(len(new.chunks))
        records.insert_passages(self, document, numbers, list(new.chunks))
        rows = _postings(
            [
                (n, new.title, piece.heading, new.text[piece.start : piece.end])
                for n, piece in zip(numbers, new.chunks, strict=True)
            ]
        )
        self._copy("postings (stem, passage, often, words)", rows)
        self._count(dict.fromkeys(numbers, 0), rows, 1)
        if new.vectors:
            self._insert_vectors(numbers, new.vectors)

    def delete(self, documents: Iterable[int]) -> int:
        """Delete documents with everything made from them; return how many."""
        count = 0
        for row_id in documents:
            title, text, passages = records.fetch_parts(self, row_id)
            rows = _postings([(n, title, c.heading, text[c.start : c.end]) for n, c in passages])
            self.execute(
                "DELETE FROM postings USING unnest(?::text[], ?::bigint[]) AS gone (stem, passage)"
                " WHERE postings.stem = gone.stem AND postings.passage = gone.passage",
                [[row[0] for row in rows], [row[1] for row in rows]],
            )
            self._count(dict.fromkeys((n for n, _ in passages), 0), rows, -1)
            records.delete_document(self, row_id)
            count += 1
        return count

    def claim(self) -> bool:
        """Throw vectors of other embedders away; return whether there were any."""
        if not self._embedder or self.has_vectors():
            return False
        had_others = bool(records.get_meta(self, "embedder"))
        make_vectors_table(self, self._dimension)
        records.set_meta(self, "embedder", self._embedder)
        return had_others

    def add_vectors(self, document: int, first: int, data: bytes) -> None:
        """Store vectors made later, unless the document has changed or gone since."""
        numbers = records.passage_numbers(self, document)
        if numbers[:1] == [first] and self.has_vectors():
            self.execute("DELETE FROM vectors WHERE passage = ANY(?)", [numbers])
            self._insert_vectors(numbers, data)

    def _new_numbers(self, count: int) -> list[int]:
        rows = self.execute("SELECT nextval('passage_numbers') FROM generate_series(1, ?)", [count])
        return [row[0] for row in rows.fetchall()]

    def _count(self, words: dict[int, int], rows: Sequence[_Posting], sign: int) -> None:
        """Add passages and their words to the totals, or take them away."""
        words |= {number: length for _, number, _, length in rows}
        self.execute(
            "UPDATE totals SET passages = passages + ?, words = words + ?",
            [sign * len(words), sign * sum(words.values())],
        )

    def _insert_vectors(self, numbers: Sequence[int], data: bytes) -> None:
        import numpy as np

        from retrieval.store.vectors import as_unit

        matrix = as_unit(np.frombuffer(data, dtype=np.int8).reshape(len(numbers), -1))
        rows = [(n, _written(row)) for n, row in zip(numbers, matrix, strict=True)]
        self._copy("vectors (passage, embedding)", rows)

    def _copy(self, target: str, rows: Iterable[Sequence[Any]]) -> None:
        with (
            self._sql.connection.cursor() as cursor,
            cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)


_Posting = tuple[str, int, int, int]  # stem, passage, how often, words of the passage


def _postings(passages: Sequence[tuple[int, str, str, str]]) -> list[_Posting]:
    """Return the postings of passages (number, title, heading, text)."""
    from retrieval.store.fulltext import cut_into_words

    segment = cut_into_words(passages)
    ids, lengths = segment.parts.ids.tolist(), segment.parts.lengths.tolist()
    found: list[_Posting] = []
    for number in range(len(segment.parts.term_ends)):
        stem = segment.term(number).decode()
        for slot, often in zip(*segment.postings(number), strict=True):
            found.append((stem, ids[slot], int(often), lengths[slot]))
    return found


def _written(vector: NDArray[np.float32]) -> str:
    """Return a vector as pgvector reads it, with every bit of its floats."""
    return f"[{','.join(map(repr, vector.tolist()))}]"
