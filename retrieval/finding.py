"""From a question to the passages worth quoting: searched widely, then ranked by a reader.

The thing to know: search and evaluation, calibration and the assistant all come through here, so
what is measured and fitted is what people get.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.types import Filters, Hit, SearchMode

if TYPE_CHECKING:
    from retrieval.index import Index
    from retrieval.reading.reader import Reader

READ = 16  # passages that a reader ranks at least; below the first ten answers get rare


def find_passages(
    index: Index,
    question: str,
    k: int,
    *,
    reader: Reader | None,
    mode: SearchMode = "hybrid",
    collections: Sequence[str] = (),
    filters: Filters = Filters(),  # noqa: B008 - frozen
) -> list[Hit]:
    """Return the `k` best passages, best first; without a reader, in the order of the search."""
    wide = k if reader is None else max(k, READ)
    hits = index.search(question, wide, mode=mode, collections=collections, filters=filters)
    return (hits if reader is None else reader.rerank(question, hits))[:k]
