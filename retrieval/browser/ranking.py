"""Which result of a search to open first."""

from __future__ import annotations

from functools import lru_cache

from retrieval.browser.pages import Page
from retrieval.store.stemming import Stemmer
from retrieval.terms import content_words

# A provider's own order is good; it is left only for a result that says clearly more of what was
# asked. Fitted to nothing: the second result passes the first with half the question's words more.
_WEIGHT_OF_RANK = 1.0


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer:
    return Stemmer()


def stems_of(text: str) -> set[str]:
    """Return the stems of the words of `text` that carry meaning."""
    return set(_stemmer().stems(content_words(text)))


def best_first(question: str, results: Page) -> list[int]:
    """Return the links of a page of results, the most promising first.

    A result counts by the share of the question's words in its title and snippet, and by its rank.
    """
    wanted = stems_of(question)
    starts = [link.start for link in results.links]
    ends = [*starts, len(results.text)][1:]
    scores = {}
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        share = len(wanted & stems_of(results.text[start:end])) / max(1, len(wanted))
        scores[number] = share + _WEIGHT_OF_RANK / (1 + number)
    return sorted(scores, key=lambda number: -scores[number])
