"""Where quotes may come from: an index, or web pages that are in none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from retrieval.types import Document


class EvidenceSource(Protocol):
    """What choosing and checking a quote asks of a source; `Index` is one, in memory too."""

    def stems(self, words: Iterable[str]) -> list[str]:
        """Return the folded words' stems, in order."""
        ...

    def rarity(self, stems: Sequence[str]) -> dict[str, float]:
        """Return the inverse document frequency of each stem, from 0 (everywhere) up."""
        ...

    def document(self, document_id: str) -> Document:
        """Return the stored text that a quote has to stand in.

        Raises:
            NotInIndex: there is none.
        """
        ...
