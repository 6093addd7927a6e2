"""The person's own index as the last provider: it answers when nobody else does, without a network.

The thing to know: its results have addresses of the form `index:DOCUMENT`, which no fetcher takes.
Whoever opens one asks the index for the document instead; see `document_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from retrieval.text import sanitize_title
from retrieval.types import Hit
from retrieval.web.providers.cleaning import MAX_SNIPPET, plain
from retrieval.web.providers.protocol import Found, ShouldStop, WebResult, found

SCHEME = "index:"
_PASSAGES_PER_DOCUMENT = (
    3  # searched for each result that is wanted; several may be of one document
)


class Searchable(Protocol):
    """What is needed of an index."""

    def search(self, query: str, k: int = 8) -> Sequence[Hit]:
        """Return the `k` best passages, best first."""
        ...


class LocalIndex:
    """Searches documents that are here already."""

    name = "index"

    def __init__(self, index: Searchable) -> None:
        self._index = index

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        """See `SearchProvider`. The snippet of a document is its best passage."""
        results: dict[str, WebResult] = {}
        for hit in self._index.search(query, _PASSAGES_PER_DOCUMENT * limit):
            passage = hit.passage
            address = SCHEME + passage.document_id
            results.setdefault(
                address,
                WebResult(
                    address, sanitize_title(passage.title), plain(passage.text)[:MAX_SNIPPET]
                ),
            )
        return found(tuple(results.values())[:limit], "your sources hold nothing on it")


def document_of(url: str) -> str | None:
    """Return the id of the document that an address of this provider means, None for others."""
    return url.removeprefix(SCHEME) if url.startswith(SCHEME) else None
