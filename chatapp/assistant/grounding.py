"""The grounded path: question → search → verified quotes.

When no quote reaches the threshold, the answer says so and names the nearest passages, so a person
can look for themselves. `composing` makes the answer of the quotes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatapp.assistant.composing import Found
from chatapp.assistant.events import RetrievedPassage
from chatapp.assistant.prompt import NOT_FOUND
from chatapp.assistant.reading import shipped_reader

if TYPE_CHECKING:
    from chatapp.settings import RetrievalSettings
    from retrieval.index import Index
    from retrieval.types import Hit, Quote

NEAREST = "The nearest passages are in: "
QUERY_CHARACTERS = 2_000  # longer questions are pasted text; their beginning says what is asked
NEAREST_TITLES = 3
# Passages that score less are on something else. Seen with the handbook as the only source: the
# best passage for eleven of twelve questions of general knowledge scored 0.01 to 0.08 (one 0.19),
# for twelve questions on the app or next to it 0.11 to 0.92.
_NEAR = 0.1


@dataclass(frozen=True)
class Evidence:
    """What one search found: hits best first, and the quotes that reach the threshold."""

    query: str
    hits: Sequence[Hit]
    quotes: Sequence[Quote]
    seconds: float
    empty: bool = False  # nothing is indexed at all
    overview: bool = False  # the quotes are what files begin with, not what was searched for
    dates: Mapping[str, str] = field(default_factory=dict)  # of the documents that are quoted

    def numbered(self, first: int = 1) -> list[Found]:
        """Return the quotes, numbered from `first`, and the passages that they stand in."""
        around = {hit.passage.id: hit.passage.text for hit in self.hits}
        return [
            Found(n, quote, around.get(quote.passage_id, ""), self.dates.get(quote.document_id, ""))
            for n, quote in enumerate(self.quotes, start=first)
        ]

    def passages(self) -> list[RetrievedPassage]:
        """Return the hits in the form the event stream carries."""
        return [
            RetrievedPassage(hit.passage.id, hit.passage.title, hit.passage.uri, hit.score)
            for hit in self.hits
        ]


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
    from retrieval.rerank import READ, search_reranked

    query = query[:QUERY_CHARACTERS]
    began = now()
    reader = shipped_reader()
    hits = search_reranked(
        index, reader, query, settings.top_k, depth=READ, collections=collections
    )
    quotes = select_quotes(
        index,
        query,
        hits,
        max_quotes=settings.max_quotes,
        threshold=settings.threshold,
        reader=reader,
    )
    return Evidence(query, hits, quotes, now() - began)


def merged(found: Sequence[Evidence], most: int) -> Evidence | None:
    """Return what several places had on one question, best quotes first; None without any."""
    if len(found) < 2:
        return found[0] if found else None
    quotes = sorted((quote for one in found for quote in one.quotes), key=lambda q: -q.score)
    hits = [hit for one in found for hit in one.hits]
    dates = {document: date for one in found for document, date in one.dates.items()}
    seconds = sum(one.seconds for one in found)
    return Evidence(found[0].query, hits, quotes[:most], seconds, dates=dates)


@dataclass(frozen=True)
class Vain:
    """What was done on the web in vain.

    Attributes:
        read: titles of the pages that were read.
        texts: what these pages say.
        unread: why, for each page that could not be read.
        problem: why nothing could be searched at all, "" where it could.
        unsaid: the clause that the question takes for granted and none of these pages says, if any.
    """

    read: Sequence[str] = ()
    texts: Sequence[str] = ()
    unread: Sequence[str] = ()
    problem: str = ""
    unsaid: str = ""


NOTHING = Vain()  # the web was not asked; compare with `is`


def not_found(found: Evidence | None, vain: Vain = NOTHING) -> str:
    """Return the refusal: nothing was found, and what comes nearest, if anything comes near."""
    near = [hit.passage.title for hit in found.hits if hit.score >= _NEAR] if found else []
    titles = list(dict.fromkeys(near))
    said = [NOT_FOUND]
    if titles:
        said.append(f"{NEAREST}{'; '.join(titles[:NEAREST_TITLES])}.")
    if vain.problem:
        said.append(f"The web could not be searched: {vain.problem}.")
    elif vain.read:
        pages = list(dict.fromkeys(vain.read))
        said.append(f"On the web I read in vain: {'; '.join(pages[:NEAREST_TITLES])}.")
        if vain.unsaid:
            none = "None of them says" if len(pages) > 1 else "It does not say"
            said.append(f"{none} that {vain.unsaid}.")
    if vain.unread:
        count = "One page" if len(vain.unread) == 1 else f"{len(vain.unread)} pages"
        said.append(f"{count} could not be read: {vain.unread[0].rstrip('.')}.")
    return " ".join(said)
