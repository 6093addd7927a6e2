"""What keeps an index fit after documents came or went: vectors complete, full text compact.

The thing to know: every step is done in small transactions and can be left out or cut short; search
stays right meanwhile, only slower (full text) or lexical for some passages (vectors).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlite_utils import Database

from retrieval.embedding import Embedder
from retrieval.store import records
from retrieval.store.database import Connections, get_meta, set_meta
from retrieval.store.vectors import insert_vectors, passage_input, quantise

_DOCUMENTS = 128  # per transaction
_MERGE_PAGES = 2_000  # of full text, per transaction: some 8 MB

Step = Callable[[], bool]
"""Called between transactions; True asks to stop."""


class _Unembedded(NamedTuple):
    id: int
    first: int
    inputs: list[str]


def has_vectors_of(database: Database, embedder: Embedder) -> bool:
    """Whether the stored vectors were made by exactly this embedder."""
    return get_meta(database, "embedder") == embedder.id


def claim_vectors(connections: Connections, embedder: Embedder) -> bool:
    """Make the stored vectors those of `embedder`; return whether other ones were thrown away."""
    with connections.reading() as database:
        if has_vectors_of(database, embedder):
            return False
    with connections.writing() as database:
        had_others = bool(get_meta(database, "embedder"))
        database.execute("DELETE FROM vectors")
        set_meta(database, "embedder", embedder.id)
    return had_others


def complete_vectors(connections: Connections, embedder: Embedder, step: Step) -> None:
    """Embed the documents that have no vectors yet, until done or told to stop."""
    while not step():
        with connections.reading() as database:
            missing = _without_vectors(database)
        if not missing:
            return
        made = [
            quantise(embedder.embed_passages(document.inputs)).tobytes() for document in missing
        ]
        with connections.writing() as database:
            for document, data in zip(missing, made, strict=True):
                # It may have been updated or removed while it was embedded; then it is not ours.
                if records.first_passage(database, document.id) == document.first:
                    insert_vectors(database, document.id, document.first, data)


def merge_full_text(connections: Connections, step: Step) -> None:
    """Merge the full-text segments into one, which makes queries faster; may be cut short."""
    pages = -_MERGE_PAGES  # negative once: merge segments of all levels together
    while not step():
        with connections.writing() as database:
            before = database.conn.total_changes
            database.execute(
                "INSERT INTO passages_fts (passages_fts, rank) VALUES ('merge', ?)", [pages]
            )
            if database.conn.total_changes - before < 2:  # as SQLite documents: no work was left
                return
        pages = _MERGE_PAGES


def _without_vectors(database: Database) -> list[_Unembedded]:
    rows = database.execute(
        "SELECT id FROM documents WHERE id NOT IN (SELECT document_id FROM vectors)"
        " AND EXISTS (SELECT 1 FROM passages WHERE document_id = documents.id) LIMIT ?",
        [_DOCUMENTS],
    )
    found: list[_Unembedded] = []
    for (row_id,) in rows.fetchall():
        title, text, passages = records.fetch_parts(database, row_id)
        inputs = [passage_input(title, text, piece) for _, piece in passages]
        found.append(_Unembedded(row_id, passages[0][0], inputs))
    return found
