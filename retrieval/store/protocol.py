"""What the index asks of a store; SQLite with FAISS and PostgreSQL with pgvector answer it.

The thing to know: everything is asked of a snapshot or done in a transaction. A snapshot sees one
state, whatever others write meanwhile; a transaction is committed as a whole when its block ends,
or not at all. Passages are numbered, and no number is ever given twice. Both stores cut, fold and
weigh words alike, so the same question gives the same scores on both
(`tests/retrieval/conformance`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from retrieval.chunking import Chunk
from retrieval.store.sources import Journal
from retrieval.types import Document, Filters, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Stop = Callable[[], bool]
"""Called between transactions; True asks to stop."""


class Scored(NamedTuple):
    """A passage number with the score that a route gave it; higher is better."""

    passage: int
    score: float


class Scope(NamedTuple):
    """Where to search: collections (empty means all) and filters."""

    collections: tuple[str, ...] = ()
    filters: Filters = Filters()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Scope()


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
    date: str = ""
    language: str = ""


class StoredDocument(NamedTuple):
    """What a re-run needs to know about a document that is already there."""

    id: int
    digest: bytes


class Unembedded(NamedTuple):
    """A document whose passages have no vectors yet: its row, its first passage, what to embed."""

    document: int
    first: int
    inputs: list[str]


class Stats(NamedTuple):
    """How much there is."""

    documents: int
    passages: int
    vectors: int
    bytes_on_disk: int
    collections: dict[str, int]


class Snapshot(Protocol):
    """One state of the store."""

    @property
    def journal(self) -> Journal:
        """Which file was read how far."""
        ...

    def lexical(self, words: Sequence[str], k: int, scope: Scope) -> list[Scored]:
        """Return the `k` best passages by BM25 over title, heading and text, best first.

        `words` are folded; one that is given twice counts twice.
        """
        ...

    def dense(self, vector: NDArray[np.float32], k: int, scope: Scope) -> list[Scored]:
        """Return the `k` passages of the highest cosine to a unit vector (dimension,)."""
        ...

    def has_vectors(self) -> bool:
        """Whether the stored vectors are those of the embedder the store was opened for."""
        ...

    def unembedded(self, limit: int) -> list[Unembedded]:
        """Return up to `limit` documents that have passages without vectors."""
        ...

    def frequencies(self, stems: Sequence[str]) -> dict[str, int]:
        """Return in how many passages each stem occurs; those that never do may be left out."""
        ...

    def count_passages(self) -> int:
        """Return how many passages there are."""
        ...

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Return the passages that exist, by number."""
        ...

    def openings(self, keys: Sequence[str]) -> list[Passage]:
        """Return the first passage of each document with a public id in `keys`, in their order."""
        ...

    def passage(self, key: str) -> Passage:
        """Return a passage by public id.

        Raises:
            NotInIndex: there is none.
        """
        ...

    def document(self, key: str) -> Document:
        """Return a document by public id.

        Raises:
            NotInIndex: there is none.
        """
        ...

    def stored(self, keys: Sequence[str]) -> dict[str, StoredDocument]:
        """Return which of the public ids are stored."""
        ...

    def find(self, target: str) -> list[int]:
        """Return the rows of the documents with this public id or address."""
        ...

    def stats(self) -> Stats:
        """Return how much there is."""
        ...


class Transaction(Snapshot, Protocol):
    """Changes that are committed together."""

    def add(self, new: NewDocument, source: int | None, run: int) -> None:
        """Write a document with its passages, postings and vectors."""
        ...

    def delete(self, documents: Iterable[int]) -> int:
        """Delete documents with everything made from them; return how many."""
        ...

    def claim(self) -> bool:
        """Throw vectors of other embedders away; return whether there were any."""
        ...

    def add_vectors(self, document: int, first: int, data: bytes) -> None:
        """Store vectors made later, unless the document has changed or gone since."""
        ...


class Store(Protocol):
    """A place where documents are kept and searched. Used from several threads at once."""

    @property
    def location(self) -> str:
        """Where it is, without secrets."""
        ...

    def reading(self) -> AbstractContextManager[Snapshot]:
        """Hold one snapshot; within this thread's own transaction, that transaction.

        Raises:
            IndexUnavailable: damaged, gone or out of reach; the hint names the fix.
        """
        ...

    def writing(self, *, erase: bool = False) -> AbstractContextManager[Transaction]:
        """Hold one transaction; `erase` has freed space overwritten where the store can.

        Raises:
            IndexUnavailable: opened for reading only, busy for too long, or the disk refused.
        """
        ...

    def tidy(self, stop: Stop, *, merge: bool) -> None:
        """Bring what speeds searches up to date; with `merge`, also make full text compact."""
        ...

    def rebuild(self, stop: Stop) -> None:
        """Make everything that is derived anew, whatever its state."""
        ...

    def close(self) -> None:
        """End all connections; later use raises `IndexUnavailable`."""
        ...
