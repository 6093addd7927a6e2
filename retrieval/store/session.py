"""What a session of either store answers from the tables that both have.

The thing to know: documents, passages, journal and meta are the same tables everywhere, so their
statements stand in `records` and `sources` once; full text and vectors are each store's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from retrieval.store import records
from retrieval.store.protocol import StoredDocument
from retrieval.store.sources import Journal
from retrieval.store.sql import Cursor
from retrieval.types import Document, Passage


class RecordSession(ABC):
    """The shared part of a `Transaction`; it is itself what runs statements (`Sql`)."""

    def __init__(self, embedder: str) -> None:
        """`embedder` is the id of the one that the store was opened for, "" for none."""
        self._embedder = embedder

    @abstractmethod
    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Run one statement for each row of values."""

    @property
    def journal(self) -> Journal:
        """Which file was read how far."""
        return Journal(self)

    def has_vectors(self) -> bool:
        """Whether the stored vectors are those of this store's embedder."""
        return bool(self._embedder) and records.get_meta(self, "embedder") == self._embedder

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Return the passages that exist, by number."""
        return records.fetch_passages(self, numbers)

    def openings(self, keys: Sequence[str]) -> list[Passage]:
        """Return the first passage of each document with a public id in `keys`, in their order."""
        return records.fetch_openings(self, keys)

    def passage(self, key: str) -> Passage:
        """Return a passage by public id.

        Raises:
            NotInIndex: there is none.
        """
        return records.fetch_passage(self, key)

    def document(self, key: str) -> Document:
        """Return a document by public id.

        Raises:
            NotInIndex: there is none.
        """
        return records.fetch_document(self, key)

    def stored(self, keys: Sequence[str]) -> dict[str, StoredDocument]:
        """Return which of the public ids are stored."""
        return records.stored_documents(self, keys)

    def find(self, target: str) -> list[int]:
        """Return the rows of the documents with this public id or address."""
        return records.find_documents(self, target)
