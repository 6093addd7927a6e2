"""One given paragraph as a source of evidence: nothing was searched, everything else is as ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from retrieval.text import sanitize_text, sanitize_title
from retrieval.types import Document, Hit, Passage

if TYPE_CHECKING:
    from retrieval.evidence import EvidenceSource

_ID = "given"


class Paragraph:
    """A paragraph to be read; how rare its words are is known from another source."""

    def __init__(self, words: EvidenceSource, title: str, text: str) -> None:
        self._words = words
        self._document = Document(_ID, _ID, sanitize_title(title), sanitize_text(text), _ID)

    def hits(self) -> list[Hit]:
        """Return the whole paragraph as the one passage that was found."""
        found = self._document
        text = found.text
        return [Hit(Passage(_ID, _ID, _ID, found.title, "", text, 0, len(text)), 1.0)]

    def stems(self, words: Iterable[str]) -> list[str]:
        """See `EvidenceSource.stems`."""
        return self._words.stems(words)

    def rarity(self, stems: Sequence[str]) -> dict[str, float]:
        """See `EvidenceSource.rarity`."""
        return self._words.rarity(stems)

    def document(self, document_id: str) -> Document:
        """Return the paragraph, whatever is asked for."""
        return self._document
