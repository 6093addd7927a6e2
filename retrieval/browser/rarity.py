"""How much a word tells, where there are only a few pages to count it in.

The thing to know: on the pages of one browse the words of its topic are everywhere, so counted
there they seem to say nothing, and the best sentences score too low. The embedder's vocabulary
lists the words of the language by how often they occur; their rank there says it better.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from retrieval.evidence import EvidenceSource
from retrieval.store.stemming import Stemmer
from retrieval.types import Document

# By Zipf's law a word of rank r stands in about 10 / r of all passages of a hundred words.
_PER_RANK = 0.1
_UNLISTED = 2.0  # such a word is rarer than the last of the list: as if it were twice as long


class LanguageRarity:
    """An `EvidenceSource` whose words are as rare as in the language."""

    def __init__(self, source: EvidenceSource, ranks: dict[str, int]) -> None:
        self._source, self._ranks = source, ranks

    def stems(self, words: Iterable[str]) -> list[str]:
        """See `EvidenceSource.stems`."""
        return self._source.stems(words)

    def document(self, document_id: str) -> Document:
        """See `EvidenceSource.document`."""
        return self._source.document(document_id)

    def rarity(self, stems: Sequence[str]) -> dict[str, float]:
        """See `EvidenceSource.rarity`."""
        last = int(_UNLISTED * len(self._ranks))
        return {stem: math.log1p(_PER_RANK * self._ranks.get(stem, last)) for stem in stems}


@lru_cache(maxsize=2)
def word_ranks(embedder_dir: Path) -> dict[str, int]:
    """Return the rank of each stem in the vocabulary of an embedder; none if it lists no words."""
    try:
        listed = json.loads((embedder_dir / "vocabulary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        return {}
    ranks: dict[str, int] = {}
    for rank, stem in enumerate(Stemmer().stems(listed)):
        ranks.setdefault(stem, rank)
    return ranks
