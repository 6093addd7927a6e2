"""Search, then let a reader put the best hits in a better order.

The thing to know: a reader looks at question and passage together, which vectors cannot, and costs
milliseconds a passage. So it sees the first `DEPTH` hits only; what comes after keeps its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from retrieval.types import Filters, Hit, SearchMode

if TYPE_CHECKING:
    from retrieval.index import Index

DEPTH = 30
READ = 16  # the depth where a person waits for the answer


class Reranker(Protocol):
    """What is asked of a reader (`retrieval.reading.reader.Reader` is one)."""

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return the same hits, best first."""
        ...


def search_reranked(
    index: Index,
    reranker: Reranker | None,
    question: str,
    k: int,
    *,
    depth: int = DEPTH,
    mode: SearchMode = "hybrid",
    collections: Sequence[str] = (),
    filters: Filters | None = None,
) -> list[Hit]:
    """Return the `k` best hits, the first `depth` of them reordered; None reorders nothing."""
    hits = index.search(
        question,
        max(k, depth) if reranker else k,
        mode=mode,
        collections=collections,
        filters=filters or Filters(),
    )
    if reranker is None:
        return hits
    return [*reranker.rerank(question, hits[:depth]), *hits[depth:]][:k]
