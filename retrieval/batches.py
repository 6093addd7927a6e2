"""Loaded documents into the store: what is new is cut, embedded and written, a batch at a time.

The thing to know: a batch is one transaction. It holds either documents of one large file with the
position it ends at, or whole small files that are thereby finished; so whatever kills the process,
a file is either done, or goes on where its last batch ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from retrieval.chunking import chunk
from retrieval.embedding import Embedder
from retrieval.errors import LoadError, Unreachable
from retrieval.loaders import Loaded
from retrieval.store.protocol import NewDocument, Store, Transaction
from retrieval.store.records import content_digest, document_key
from retrieval.store.sources import Fingerprint, Source
from retrieval.store.vectors import passage_input, quantise

MOST_DOCUMENTS = 256
MOST_CHARACTERS = 4_000_000


@dataclass(frozen=True)
class Part:
    """Documents of one file, whole (`source` is None) or from a pass that has begun."""

    path: Path
    seen: Fingerprint
    documents: Sequence[Loaded]
    source: Source | None = None


class Written(NamedTuple):
    """What a batch changed, in documents, and how many passages are new."""

    added: int
    updated: int
    unchanged: int
    removed: int
    passages: int


def prepare(
    embedder: Embedder | None, collection: str, documents: Sequence[tuple[str, Loaded]]
) -> list[NewDocument]:
    """Chunk and embed (key, loaded) pairs: the work that needs no lock on the database."""
    chunks = [chunk(item.text, item.pages, has_titles=item.has_titles) for _, item in documents]
    vectors: list[bytes | None] = [None] * len(documents)
    if embedder is not None:
        inputs = [
            passage_input(item.title, item.text, piece)
            for (_, item), pieces in zip(documents, chunks, strict=True)
            for piece in pieces
        ]
        matrix = quantise(embedder.embed_passages(inputs))
        row = 0
        for number, pieces in enumerate(chunks):
            vectors[number] = matrix[row : row + len(pieces)].tobytes()
            row += len(pieces)
    return [
        NewDocument(
            key=key,
            uri=item.uri,
            title=item.title,
            text=item.text,
            collection=collection,
            digest=_digest(item),
            chunks=pieces,
            vectors=data,
            date=item.date,
            language=item.language,
        )
        for (key, item), pieces, data in zip(documents, chunks, vectors, strict=True)
    ]


def write(
    store: Store, embedder: Embedder | None, collection: str, parts: Sequence[Part]
) -> Written:
    """Commit the parts in one transaction.

    Raises:
        Unreachable: the file was removed from the index while it was read.
    """
    keyed = {
        document_key(collection, f"{part.path}#{item.address}"): (part, item)
        for part in parts
        for item in part.documents
    }
    with store.reading() as snapshot:
        stored = snapshot.stored(list(keyed))
    changed = [
        (key, item)
        for key, (_, item) in keyed.items()
        if key not in stored or stored[key].digest != _digest(item)
    ]
    fresh = prepare(embedder, collection, changed)
    with store.writing() as transaction:
        sources = {part.path: _source(transaction, part, collection) for part in parts}
        stored = transaction.stored(list(keyed))
        # Another process may have written the same documents while these were embedded.
        fresh = [n for n in fresh if n.key not in stored or stored[n.key].digest != n.digest]
        outdated = [stored[new.key].id for new in fresh if new.key in stored]
        transaction.delete(outdated)
        for new in fresh:
            source = sources[keyed[new.key][0].path]
            transaction.add(new, source.id, source.run)
        fresh_keys = {new.key for new in fresh}
        same = [key for key in stored if key not in fresh_keys]
        for key in same:
            source = sources[keyed[key][0].path]
            transaction.journal.mark_seen([stored[key].id], source.run)
        removed = sum(_finished(transaction, sources[p.path]) for p in parts if p.source is None)
    return Written(
        added=len(fresh) - len(outdated),
        updated=len(outdated),
        unchanged=len(same),
        removed=removed,
        passages=sum(len(new.chunks) for new in fresh),
    )


def finish(store: Store, source: Source) -> int:
    """Mark a pass over a large file complete; return how many documents had vanished from it."""
    with store.writing() as transaction:
        return _finished(transaction, source)


def batches(items: Iterator[Loaded]) -> Iterator[list[Loaded]]:
    """Group documents. What came before the loader fails is still handed out: it is good."""
    batch: list[Loaded] = []
    characters = 0
    try:
        for item in items:
            batch.append(item)
            characters += len(item.text)
            if len(batch) >= MOST_DOCUMENTS or characters >= MOST_CHARACTERS:
                yield batch
                batch, characters = [], 0
    except LoadError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _source(transaction: Transaction, part: Part, collection: str) -> Source:
    if part.source is None:
        return transaction.journal.begin_run(str(part.path), collection, part.seen)
    if not transaction.journal.save_position(part.source, part.documents[-1].position):
        raise Unreachable("was removed from the index while it was read", "add it again")
    return part.source


def _finished(transaction: Transaction, source: Source) -> int:
    return transaction.delete(transaction.journal.finish_run(source))


def _digest(item: Loaded) -> bytes:
    return content_digest(item.uri, item.title, item.text, item.date, item.language)
