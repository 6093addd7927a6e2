"""What on a page answers the question: passages ranked, sentences scored.

The thing to know: only this module lets words of a page decide anything, and all they can decide is
which of the page's own sentences is quoted. It never sees a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from retrieval.browser.pages import Page
from retrieval.index import Index
from retrieval.quotes import DEFAULT_THRESHOLD, select_quotes
from retrieval.types import Quote

_HITS = 8


class Judge(Protocol):
    """Finds the sentences of a page that support an answer."""

    def quotes(self, question: str, page: Page, *, most: int, threshold: float) -> list[Quote]:
        """Return at most `most` sentences of the page with their support, best first."""
        ...

    def forget(self) -> None:
        """Forget the pages of this browse: the next one is judged as if it were the first."""
        ...


class PassageJudge:
    """Puts pages into an index in memory and takes its quotes; for one thread."""

    def __init__(self, embedder_dir: Path) -> None:
        self._embedder_dir = embedder_dir
        self._index: Index | None = None
        self._pages: dict[str, str] = {}  # the page's id by the index's

    def quotes(
        self, question: str, page: Page, *, most: int, threshold: float = DEFAULT_THRESHOLD
    ) -> list[Quote]:
        """See `Judge.quotes`."""
        if page.kind != "page" or not page.text.strip():
            return []
        if self._index is None:
            self._index = Index.in_memory(embedder_dir=self._embedder_dir)
        document = self._index.add_text(page.url, page.title, page.text, collection=page.id)
        self._pages[document] = page.id
        hits = self._index.search(question, _HITS, collections=(page.id,))
        found = select_quotes(self._index, question, hits, max_quotes=most, threshold=threshold)
        return self._on(page, found)

    def _on(self, page: Page, found: Sequence[Quote]) -> list[Quote]:
        """The index trims what it stores, so offsets are moved by what it took off the front."""
        lead = len(page.text) - len(page.text.lstrip())
        return [
            replace(
                quote,
                document_id=page.id,
                passage_id=f"{page.id}:{quote.start + lead}",
                start=quote.start + lead,
                end=quote.end + lead,
            )
            for quote in found
        ]

    def forget(self) -> None:
        """See `Judge.forget`."""
        if self._index is not None:
            for document in self._pages:
                self._index.remove(document)
        self._pages.clear()

    def close(self) -> None:
        """Let go of the index."""
        if self._index is not None:
            self._index.close()
            self._index = None
