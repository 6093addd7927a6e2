"""The local index as a world to browse: its documents are the pages, its search the provider.

It answers where there is no web, and it is the frozen world that policies are trained in.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from retrieval.browser.pages import Page, Result, error_page, results_page, text_page
from retrieval.errors import NotInIndex
from retrieval.types import Document, Hit

MOST_RESULTS = 5
_SNIPPET = 240  # characters
_DEPTH = 8  # passages asked for each result, since a document may hold many of the best


class Searchable(Protocol):
    """What of `retrieval.index.Index` a browse needs."""

    def search(self, query: str, k: int = 8, *, collections: Sequence[str] = ()) -> list[Hit]:
        """Return the best passages."""
        ...

    def document(self, document_id: str) -> Document:
        """Return a document by id, or raise `NotInIndex`."""
        ...


class IndexWorld:
    """A `World` of an index; pages are opened by the addresses that searches gave."""

    def __init__(self, index: Searchable, *, collections: Sequence[str] = ()) -> None:
        """`collections` limits what is searched; empty is everything."""
        self._index, self._collections = index, collections
        self._documents: dict[str, str] = {}  # id by address, of what was found
        self._search = lru_cache(maxsize=1024)(self._found)

    def search(self, query: str) -> Page:
        """Return the documents with the best passages, the passage as the snippet."""
        return results_page(query, self._search(query))

    def open(self, url: str) -> Page:
        """Return the document at `url`."""
        return document_page(self._index, self._documents.get(url, ""))

    def _found(self, query: str) -> tuple[Result, ...]:
        results: dict[str, Result] = {}
        for hit in self._index.search(query, _DEPTH * MOST_RESULTS, collections=self._collections):
            passage = hit.passage
            self._documents[passage.uri] = passage.document_id
            results.setdefault(
                passage.uri, Result(passage.uri, passage.title, passage.text[:_SNIPPET])
            )
            if len(results) == MOST_RESULTS:
                break
        return tuple(results.values())


def document_page(index: Searchable, document_id: str) -> Page:
    """Return a document of an index as a page; its address is the document's own."""
    try:
        document = index.document(document_id)
    except NotInIndex:
        return error_page("", "Not found", "The index does not hold this document any more.")
    return text_page(document.uri, document.title, document.text, date=document.date)
