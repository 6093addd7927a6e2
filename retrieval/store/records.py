"""Rows of documents and passages: write, delete, fetch; for both databases, within the caller's
transaction. Knows nothing about files, embedders or ranking.

The thing to know: a document's numeric row id is private and changes when it is updated; the
public id is `key`, made from collection and address, so bookmarks and citations survive updates.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence

from retrieval.chunking import Chunk
from retrieval.errors import NotInIndex
from retrieval.store.protocol import NewDocument, StoredDocument, Unembedded
from retrieval.store.scope import kind_of
from retrieval.store.sql import Sql, blocks, marks
from retrieval.store.vectors import passage_input
from retrieval.types import Document, Passage

_COMPRESSION = 3  # 0.44 of the text at 60 MB/s; level 6 saves 3 % more at half the speed


def document_key(collection: str, address: str) -> str:
    """Return the public id of the document at `address` in `collection`."""
    return hashlib.blake2b(f"{collection}\0{address}".encode(), digest_size=10).hexdigest()


def content_digest(uri: str, title: str, text: str, date: str = "", language: str = "") -> bytes:
    """Return the digest that tells whether a document has changed."""
    parts = [uri, title, text]
    if date or language:  # left out where unknown, so that older digests still hold
        parts += [date, language]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()


def passage_key(document: str, start: int, end: int) -> str:
    """Return the public id of a passage."""
    return f"{document}:{start}-{end}"


def stored_documents(sql: Sql, keys: Sequence[str]) -> dict[str, StoredDocument]:
    """Return which of `keys` are stored."""
    found: dict[str, StoredDocument] = {}
    for block in blocks(keys):
        query = f"SELECT key, id, digest FROM documents WHERE key IN ({marks(block)})"
        for key, row_id, digest in sql.execute(query, block):
            found[key] = StoredDocument(row_id, digest)
    return found


def find_documents(sql: Sql, target: str) -> list[int]:
    """Return the row ids of the documents with this public id or address."""
    rows = sql.execute("SELECT id FROM documents WHERE key = ? OR uri = ?", [target, target])
    return [row[0] for row in rows.fetchall()]


def insert_document(sql: Sql, new: NewDocument, source: int | None, run: int) -> int:
    """Write the row of a document; return its id."""
    row = sql.execute(
        "INSERT INTO documents (key, source_id, run, uri, title, collection, digest, body, date,"
        " language, kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [
            *(new.key, source, run, new.uri, new.title, new.collection, new.digest),
            *(_pack(new.text), new.date, new.language, kind_of(new.uri)),
        ],
    ).fetchone()
    return int(row[0])


def insert_passages(sql: Sql, document: int, numbers: Sequence[int], chunks: list[Chunk]) -> None:
    """Write the rows of a document's passages."""
    sql.executemany(
        'INSERT INTO passages (id, document_id, start, "end", heading) VALUES (?, ?, ?, ?, ?)',
        [
            (n, document, piece.start, piece.end, piece.heading)
            for n, piece in zip(numbers, chunks, strict=True)
        ],
    )


def delete_document(sql: Sql, row_id: int) -> None:
    """Delete the row of a document; those of its passages and vectors go with it."""
    sql.execute("DELETE FROM documents WHERE id = ?", [row_id])


def fetch_parts(sql: Sql, row_id: int) -> tuple[str, str, list[tuple[int, Chunk]]]:
    """Return title, text and (passage number, chunk) pairs of a stored document, in order."""
    title, body = sql.execute("SELECT title, body FROM documents WHERE id = ?", [row_id]).fetchone()
    rows = sql.execute(
        'SELECT id, start, "end", heading FROM passages WHERE document_id = ? ORDER BY id', [row_id]
    ).fetchall()
    return title, unpack(body), [(row[0], Chunk(*row[1:])) for row in rows]


def to_embed(sql: Sql, row_id: int) -> Unembedded:
    """Return what is embedded of a document that has passages."""
    title, text, passages = fetch_parts(sql, row_id)
    inputs = [passage_input(title, text, piece) for _, piece in passages]
    return Unembedded(row_id, passages[0][0], inputs)


def iterate_passages(sql: Sql, after: int) -> Iterator[tuple[int, str, str, str]]:
    """Yield (number, title, heading, text) of the passages with numbers above `after`."""
    rows = sql.execute("SELECT DISTINCT document_id FROM passages WHERE id > ?", [after])
    for (row_id,) in rows.fetchall():
        title, text, passages = fetch_parts(sql, row_id)
        for number, piece in passages:
            yield number, title, piece.heading, text[piece.start : piece.end]


def passage_numbers(sql: Sql, row_id: int) -> list[int]:
    """Return the numbers of a document's passages, in order; none when the document is gone."""
    rows = sql.execute("SELECT id FROM passages WHERE document_id = ? ORDER BY id", [row_id])
    return [row[0] for row in rows.fetchall()]


def fetch_document(sql: Sql, key: str) -> Document:
    """Return a document by public id.

    Raises:
        NotInIndex: there is none.
    """
    row = sql.execute(
        "SELECT key, uri, title, body, collection, date, language FROM documents WHERE key = ?",
        [key],
    ).fetchone()
    if row is None:
        raise NotInIndex(f"no document {key!r} in the index", "it may have been removed or updated")
    return Document(row[0], row[1], row[2], unpack(row[3]), *row[4:])


def fetch_passage(sql: Sql, key: str) -> Passage:
    """Return a passage by public id.

    Raises:
        NotInIndex: there is none.
    """
    document, _, span = key.rpartition(":")
    start, _, end = span.partition("-")
    if start.isdecimal() and end.isdecimal() and len(start) < 19 and len(end) < 19:
        row = sql.execute(
            "SELECT passages.id FROM passages JOIN documents ON documents.id = document_id"
            ' WHERE key = ? AND start = ? AND "end" = ?',
            [document, int(start), int(end)],
        ).fetchone()
        if row is not None:
            return fetch_passages(sql, [row[0]])[row[0]]
    raise NotInIndex(f"no passage {key!r} in the index", "it may have been removed or updated")


def fetch_passages(sql: Sql, row_ids: Sequence[int]) -> dict[int, Passage]:
    """Return the passages that still exist, by number; each document is unpacked once."""
    found: dict[int, Passage] = {}
    texts: dict[int, str] = {}
    for block in blocks(row_ids):
        query = (
            'SELECT passages.id, document_id, key, uri, title, heading, start, "end"'
            " FROM passages JOIN documents ON documents.id = document_id"
            f" WHERE passages.id IN ({marks(block)})"
        )
        for n, document_id, key, uri, title, heading, start, end in sql.execute(query, block):
            if document_id not in texts:
                body = sql.execute("SELECT body FROM documents WHERE id = ?", [document_id])
                texts[document_id] = unpack(body.fetchone()[0])
            text = texts[document_id][start:end]
            name = passage_key(key, start, end)
            found[n] = Passage(name, key, uri, title, heading, text, start, end)
    return found


def fetch_openings(sql: Sql, keys: Sequence[str]) -> list[Passage]:
    """Return the first passage of each of these documents, in the order of `keys`."""
    first: dict[str, int] = {}
    for block in blocks(keys):
        query = (
            "SELECT key, min(passages.id) FROM passages JOIN documents ON documents.id ="
            f" document_id WHERE key IN ({marks(block)}) GROUP BY key"
        )
        first.update(sql.execute(query, block))
    found = fetch_passages(sql, list(first.values()))
    return [found[first[key]] for key in keys if key in first]


def count(sql: Sql, table: str) -> int:
    """Return how many rows a table has."""
    return int(sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def collections(sql: Sql) -> dict[str, int]:
    """Return how many documents each collection has, by name."""
    rows = sql.execute(
        "SELECT collection, count(*) FROM documents GROUP BY collection ORDER BY 1"
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def get_meta(sql: Sql, key: str) -> str:
    """Return the value stored under `key`, or "" when there is none."""
    row = sql.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return str(row[0]) if row else ""


def set_meta(sql: Sql, key: str, value: str) -> None:
    """Store `value` under `key`."""
    sql.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )


def _pack(text: str) -> bytes:
    return zlib.compress(text.encode(), _COMPRESSION)


def unpack(body: bytes) -> str:
    """Return the text of a stored body."""
    return zlib.decompress(body).decode()
