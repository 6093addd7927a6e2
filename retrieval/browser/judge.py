"""What on a page answers the question: passages ranked, sentences scored.

The thing to know: only this module lets words of a page decide anything, and all they can decide is
which of the page's own sentences is quoted. It never sees a command.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retrieval.browser.marks import without_fields
from retrieval.browser.pages import Page
from retrieval.browser.rarity import LanguageRarity, word_ranks
from retrieval.evidence import EvidenceSource
from retrieval.index import Index
from retrieval.quotes import scored_quotes, select_quotes
from retrieval.rerank import search_reranked
from retrieval.terms import fold, words
from retrieval.types import Hit, Quote

if TYPE_CHECKING:
    from retrieval.reading.reader import Reader

# Passages of a page that are read, and of all pages that are weighed: as many as the scores were
# calibrated with. Reading 6 or 16 of a page gave the same answers (160 questions to learn from).
_HITS = 8


class Judge(Protocol):
    """Finds the sentences of pages that support an answer."""

    def quotes(self, question: str, page: Page, *, most: int, threshold: float) -> list[Quote]:
        """Return at most `most` sentences of the page with their support, best first."""
        ...

    def weigh(self, question: str, most: int) -> list[Quote]:
        """Return the best sentences of all pages that were judged since `forget`, best first.

        They are scored beside those of other pages, so their scores count more than `quotes`'s.
        """
        ...

    def forget(self) -> None:
        """Forget the pages of this browse: the next one is judged as if it were the first."""
        ...


class PassageJudge:
    """Puts pages into an index in memory and takes its quotes; for one thread.

    Args:
        embedder_dir: of the embedder that ranks passages beside their words.
        reader: judges the sentences; rules do without one.
    """

    def __init__(self, embedder_dir: Path | str, reader: Reader | None = None) -> None:
        self._embedder_dir, self._reader = embedder_dir, reader
        self._index: Index | None = None
        self._pages: dict[str, Page] = {}  # by the index's name for them
        self._hits: dict[str, list[Hit]] = {}  # the best passages of each page, by its id

    def quotes(self, question: str, page: Page, *, most: int, threshold: float) -> list[Quote]:
        """See `Judge.quotes`."""
        text = _told(page)
        if page.kind != "page" or not text.strip():
            return []
        document = self._opened().add_text(page.url, page.title, text, collection=page.id)
        self._pages[document] = page
        self._hits[page.id] = search_reranked(
            self._opened(), self._reader, question, _HITS, depth=_HITS, collections=(page.id,)
        )
        found = select_quotes(
            self._source(self._opened()),
            question,
            self._hits[page.id],
            max_quotes=most,
            threshold=threshold,
            reader=self._reader,
        )
        return [self._on_its_page(quote) for quote in found]

    def weigh(self, question: str, most: int) -> list[Quote]:
        """See `Judge.weigh`.

        Passages compete as they were ranked on their own pages. Of 120 questions to learn from,
        this has the right sentence first for 0.750, scores given page by page for 0.717, and one
        search of all pages together for 0.733.
        """
        hits = [hit for found in self._hits.values() for hit in found]
        hits.sort(key=lambda hit: -hit.score)
        source = self._source(self._opened())
        found = scored_quotes(source, question, hits[:_HITS], reader=self._reader)
        return [self._on_its_page(quote) for quote in found[:most]]

    def _source(self, index: Index) -> EvidenceSource:
        """Return where words are counted: in the language, if the embedder has a list of it."""
        directory = self._embedder_dir
        ranks = word_ranks(directory) if isinstance(directory, Path) else {}
        return LanguageRarity(index, ranks) if ranks else index

    def _on_its_page(self, quote: Quote) -> Quote:
        """The index trims what it stores: offsets move by what it took off the front."""
        page = self._pages[quote.document_id]
        text = _told(page)
        lead = len(text) - len(text.lstrip())
        start, end = quote.start + lead, quote.end + lead
        name = f"{page.id}:{start}"
        return replace(quote, document_id=page.id, passage_id=name, start=start, end=end)

    def _opened(self) -> Index:
        if self._index is None:
            self._index = Index.in_memory(embedder_dir=self._embedder_dir)
        return self._index

    def forget(self) -> None:
        """See `Judge.forget`."""
        for document in self._pages:
            self._opened().remove(document)
        self._pages.clear()
        self._hits.clear()

    def close(self) -> None:
        """Let go of the index."""
        if self._index is not None:
            self._index.close()
            self._index = None
            self._pages.clear()
            self._hits.clear()


_TOP = re.compile(r"\s*#{1,6}[ \t]+(\S.*)")


def _told(page: Page) -> str:
    """Return what is judged of a page's text; its length stays.

    A heading on top that repeats the title is left out: it would stand over every passage, and a
    reader that is told the title twice is less sure of what it reads.
    """
    text = without_fields(page.text)
    top = _TOP.match(text)
    if top and {fold(word) for word in words(top[1])} <= {fold(word) for word in words(page.title)}:
        return " " * top.end() + text[top.end() :]
    return text
