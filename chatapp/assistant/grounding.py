"""The grounded path: question → search → verified quotes → an answer made only of quotes.

Nothing here is generated. When no quote reaches the threshold, the answer says so and names the
nearest passages, so a person can look for themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.assistant.events import Citation, RetrievedPassage
from chatapp.assistant.prompt import NOT_FOUND

if TYPE_CHECKING:
    from chatapp.settings import RetrievalSettings
    from retrieval.index import Index
    from retrieval.types import Hit, Quote

QUERY_CHARACTERS = 2_000  # longer questions are pasted text; their beginning says what is asked
NEAREST_TITLES = 3


@dataclass(frozen=True)
class Evidence:
    """What one search found: hits best first, and the quotes that reach the threshold."""

    query: str
    hits: Sequence[Hit]
    quotes: Sequence[Quote]
    seconds: float
    empty: bool = False  # nothing is indexed at all

    def passages(self) -> list[RetrievedPassage]:
        """Return the hits in the form the event stream carries."""
        return [
            RetrievedPassage(hit.passage.id, hit.passage.title, hit.passage.uri, hit.score)
            for hit in self.hits
        ]


@dataclass(frozen=True)
class Part:
    """A piece of the answer and the citations whose numbers it shows."""

    text: str
    citations: tuple[Citation, ...] = ()


def gather(
    index: Index,
    query: str,
    settings: RetrievalSettings,
    now: Callable[[], float] = time.perf_counter,
    *,
    collections: Sequence[str] = (),
) -> Evidence:
    """Search the index and select quotes. Blocking: call it in a worker thread."""
    from retrieval.quotes import select_quotes

    query = query[:QUERY_CHARACTERS]
    began = now()
    hits = index.search(query, settings.top_k, collections=collections)
    quotes = select_quotes(
        index, query, hits, max_quotes=settings.max_quotes, threshold=settings.threshold
    )
    return Evidence(query, hits, quotes, now() - began)


def merged(found: Sequence[Evidence], most: int) -> Evidence | None:
    """Return what several places had on one question, best quotes first; None without any."""
    if len(found) < 2:
        return found[0] if found else None
    quotes = sorted((quote for one in found for quote in one.quotes), key=lambda q: -q.score)
    hits = [hit for one in found for hit in one.hits]
    return Evidence(found[0].query, hits, quotes[:most], sum(one.seconds for one in found))


def compose(evidence: Evidence) -> list[Part]:
    """Return the answer in parts: each quote once, followed by the `[n]` of all its sources.

    Without quotes the one part says that nothing was found and names the nearest passages.
    """
    if not evidence.quotes:
        return [_not_found(evidence)]
    same: dict[str, list[Citation]] = {}
    for n, quote in enumerate(evidence.quotes, start=1):
        same.setdefault(" ".join(quote.text.split()), []).append(_cite(n, quote))
    parts: list[Part] = []
    for text, citations in same.items():
        marks = "".join(f"[{citation.n}]" for citation in citations)
        parts.append(Part(f"{' ' if parts else ''}{text} {marks}", tuple(citations)))
    return parts


def _not_found(evidence: Evidence) -> Part:
    titles = list(dict.fromkeys(hit.passage.title for hit in evidence.hits))[:NEAREST_TITLES]
    if not titles:
        return Part(NOT_FOUND)
    return Part(f"{NOT_FOUND} The nearest passages are in: {'; '.join(titles)}.")


def _cite(n: int, quote: Quote) -> Citation:
    return Citation(
        n=n,
        quote=quote.text,
        title=quote.title,
        uri=quote.uri,
        document=quote.document_id,
        passage=quote.passage_id,
        start=quote.start,
        end=quote.end,
        score=quote.score,
    )
