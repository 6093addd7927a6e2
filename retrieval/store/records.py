"""Rows of documents and passages: write, delete, fetch. Every function runs in the caller's
transaction and knows nothing about files, embedders or ranking.

The thing to know: a document's numeric row id is private and changes when it is updated; the
public id is `key`, made from collection and address, so bookmarks and citations survive updates.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from sqlite_utils import Database

from retrieval.chunking import Chunk
from retrieval.errors import NotInIndex
from retrieval.store.vectors import insert_vectors
from retrieval.types import Document, Passage

_COMPRESSION = 3  # 0.44 of the text at 60 MB/s; level 6 saves 3 % more at half the speed
_T = TypeVar("_T")
_BLOCK = 500  # ids per SELECT … IN (…)


class NewDocument(NamedTuple):
    """A document ready to be written; `vectors` is the int8 matrix of its passages as bytes."""

    key: str
    uri: str
    title: str
    text: str
    collection: str
    digest: bytes
    chunks: Sequence[Chunk]
    vectors: bytes | None


class StoredDocument(NamedTuple):
    """What a re-run needs to know about a document that is already there."""

    id: int
    digest: bytes


def document_key(collection: str, address: str) -> str:
    """Return the public id of the document at `address` in `collection`."""
    return hashlib.blake2b(f"{collection}\0{address}".encode(), digest_size=10).hexdigest()


def content_digest(uri: str, title: str, text: str) -> bytes:
    """Return the digest that tells whether a document has changed."""
    return hashlib.blake2b("\0".join((uri, title, text)).encode(), digest_size=16).digest()


def passage_key(document: str, start: int, end: int) -> str:
    """Return the public id of a passage."""
    return f"{document}:{start}-{end}"


def stored_documents(database: Database, keys: Sequence[str]) -> dict[str, StoredDocument]:
    """Return which of `keys` are stored."""
    found: dict[str, StoredDocument] = {}
    for block in _blocks(keys):
        sql = f"SELECT key, id, digest FROM documents WHERE key IN ({_marks(block)})"
        for key, row_id, digest in database.execute(sql, block):
            found[key] = StoredDocument(row_id, digest)
    return found


def insert_document(database: Database, new: NewDocument, source: int | None, run: int) -> None:
    """Write a document with its passages, postings and vectors."""
    cursor = database.execute(
        "INSERT INTO documents (key, source_id, run, uri, title, collection, digest, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [new.key, source, run, new.uri, new.title, new.collection, new.digest, _pack(new.text)],
    )
    document_id = int(cursor.lastrowid or 0)
    first = _next_passage_id(database)
    numbered = list(enumerate(new.chunks, first))
    database.conn.executemany(
        "INSERT INTO passages (id, document_id, start, end, heading) VALUES (?, ?, ?, ?, ?)",
        [(n, document_id, c.start, c.end, c.heading) for n, c in numbered],
    )
    database.conn.executemany(
        "INSERT INTO passages_fts (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
        [(n, new.title, c.heading, new.text[c.start : c.end]) for n, c in numbered],
    )
    if new.vectors:
        insert_vectors(database, document_id, first, new.vectors)


def delete_documents(database: Database, row_ids: Iterable[int]) -> int:
    """Delete documents with everything derived from them; return how many."""
    count = 0
    for row_id in row_ids:
        title, text, passages = fetch_parts(database, row_id)
        database.conn.executemany(
            "INSERT INTO passages_fts (passages_fts, rowid, title, heading, text)"
            " VALUES ('delete', ?, ?, ?, ?)",
            [(n, title, c.heading, text[c.start : c.end]) for n, c in passages],
        )
        database.execute("DELETE FROM documents WHERE id = ?", [row_id])  # the rest cascades
        count += 1
    return count


def fetch_parts(database: Database, row_id: int) -> tuple[str, str, list[tuple[int, Chunk]]]:
    """Return title, text and (passage row id, chunk) pairs of a stored document, in order."""
    title, body = database.execute(
        "SELECT title, body FROM documents WHERE id = ?", [row_id]
    ).fetchone()
    rows = database.execute(
        "SELECT id, start, end, heading FROM passages WHERE document_id = ? ORDER BY id", [row_id]
    ).fetchall()
    return title, _unpack(body), [(row[0], Chunk(*row[1:])) for row in rows]


def first_passage(database: Database, row_id: int) -> int | None:
    """Return the row id of a document's first passage, None when the document is gone."""
    row = database.execute("SELECT min(id) FROM passages WHERE document_id = ?", [row_id])
    first: int | None = row.fetchone()[0]
    return first


def fetch_document(database: Database, key: str) -> Document:
    """Return a document by public id.

    Raises:
        NotInIndex: there is none.
    """
    row = database.execute(
        "SELECT key, uri, title, body, collection FROM documents WHERE key = ?", [key]
    ).fetchone()
    if row is None:
        raise NotInIndex(f"no document {key!r} in the index", "it may have been removed or updated")
    return Document(row[0], row[1], row[2], _unpack(row[3]), row[4])


def fetch_passage(database: Database, key: str) -> Passage:
    """Return a passage by public id.

    Raises:
        NotInIndex: there is none.
    """
    document, _, span = key.rpartition(":")
    start, _, end = span.partition("-")
    if start.isdigit() and end.isdigit() and len(start) < 19 and len(end) < 19:
        row = database.execute(
            "SELECT passages.id FROM passages JOIN documents ON documents.id = document_id"
            " WHERE key = ? AND start = ? AND end = ?",
            [document, int(start), int(end)],
        ).fetchone()
        if row is not None:
            return fetch_passages(database, [row[0]])[row[0]]
    raise NotInIndex(f"no passage {key!r} in the index", "it may have been removed or updated")


def fetch_passages(database: Database, row_ids: Sequence[int]) -> dict[int, Passage]:
    """Return the passages that still exist, by row id; each document is unpacked once."""
    found: dict[int, Passage] = {}
    texts: dict[int, str] = {}
    for block in _blocks(row_ids):
        sql = (
            "SELECT passages.id, document_id, key, uri, title, heading, start, end"
            " FROM passages JOIN documents ON documents.id = document_id"
            f" WHERE passages.id IN ({_marks(block)})"
        )
        for n, document_id, key, uri, title, heading, start, end in database.execute(sql, block):
            if document_id not in texts:
                body = database.execute("SELECT body FROM documents WHERE id = ?", [document_id])
                texts[document_id] = _unpack(body.fetchone()[0])
            text = texts[document_id][start:end]
            name = passage_key(key, start, end)
            found[n] = Passage(name, key, uri, title, heading, text, start, end)
    return found


def _next_passage_id(database: Database) -> int:
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
    return int(row[0]) + 1 if row else 1


def _pack(text: str) -> bytes:
    return zlib.compress(text.encode(), _COMPRESSION)


def _unpack(body: bytes) -> str:
    return zlib.decompress(body).decode()


def _blocks(items: Sequence[_T]) -> Iterator[list[_T]]:
    for start in range(0, len(items), _BLOCK):
        yield list(items[start : start + _BLOCK])


def _marks(items: Sequence[object]) -> str:
    return ",".join("?" * len(items))
