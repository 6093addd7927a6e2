"""What on a page answers the question: passages ranked, sentences scored.

The thing to know: only this module lets words of a page decide anything, and all they can decide is
which of the page's own sentences is quoted. It never sees a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retrieval.browser.marks import without_fields
from retrieval.browser.pages import Page
from retrieval.browser.rarity import LanguageRarity, word_ranks
from retrieval.evidence import EvidenceSource
from retrieval.index import Index
from retrieval.quotes import select_quotes
from retrieval.rerank import READ, search_reranked
from retrieval.types import Quote

if TYPE_CHECKING:
    from retrieval.reading.reader import Reader

_HITS = 8  # passages that are looked at; as many as the calibration of the scores was made with


class Judge(Protocol):
    """Finds the sentences of pages that support an answer."""

    def quotes(self, question: str, page: Page, *, most: int, threshold: float) -> list[Quote]:
        """Return at most `most` sentences of the page with their support, best first."""
        ...

    def weigh(self, question: str, most: int) -> list[Quote]:
        """Return the best sentences of all pages that were judged since `forget`, best first."""
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

    def quotes(self, question: str, page: Page, *, most: int, threshold: float) -> list[Quote]:
        """See `Judge.quotes`."""
        if page.kind != "page" or not without_fields(page.text).strip():
            return []
        text = without_fields(page.text)
        document = self._opened().add_text(page.url, page.title, text, collection=page.id)
        self._pages[document] = page
        return self._select(question, (page.id,), most, threshold)

    def weigh(self, question: str, most: int) -> list[Quote]:
        """See `Judge.weigh`."""
        return self._select(question, (), most, 0.0) if self._pages else []

    def _select(
        self, question: str, collections: Sequence[str], most: int, threshold: float
    ) -> list[Quote]:
        index = self._opened()
        hits = search_reranked(
            index, self._reader, question, _HITS, depth=READ, collections=collections
        )
        source = self._source(index)
        found = select_quotes(
            source, question, hits, max_quotes=most, threshold=threshold, reader=self._reader
        )
        return [self._on_its_page(quote) for quote in found]

    def _source(self, index: Index) -> EvidenceSource:
        """Return where words are counted: in the language, if the embedder has a list of it."""
        directory = self._embedder_dir
        ranks = word_ranks(directory) if isinstance(directory, Path) else {}
        return LanguageRarity(index, ranks) if ranks else index

    def _on_its_page(self, quote: Quote) -> Quote:
        """The index trims what it stores: offsets move by what it took off the front."""
        page = self._pages[quote.document_id]
        text = without_fields(page.text)
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

    def close(self) -> None:
        """Let go of the index."""
        if self._index is not None:
            self._index.close()
            self._index = None
            self._pages.clear()
