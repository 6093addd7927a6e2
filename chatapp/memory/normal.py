"""How values of facts are compared: folded case, no accents, no punctuation, no articles."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = ("the", "a", "an")


def normalised(text: str) -> str:
    """Return `text` as facts are compared; never empty for a text that has a word."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    words = re.findall(r"\w+", letters)
    return " ".join(word for word in words if word not in _ARTICLES) or " ".join(words)


def refines(first: str, second: str) -> bool:
    """Say whether one is the beginning of the other, word for word: `berlin`, `berlin germany`."""
    a, b = first.split(), second.split()
    shorter = min(len(a), len(b))
    return shorter > 0 and a[:shorter] == b[:shorter]
