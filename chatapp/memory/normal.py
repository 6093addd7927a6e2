"""How values of facts are compared: folded case, no accents, no punctuation, no articles.

Symbols that tell things apart stay: C++ is not C#, and a guitar is no pizza.
"""

from __future__ import annotations

import re
import unicodedata

from chatapp.conversations.seen import BLANK

_ARTICLES = ("the", "a", "an")
_SYMBOLS = ("So", "Sc")  # pictures and currencies


def normalised(text: str) -> str:
    """Return `text` as facts are compared; never empty for a text that has a word."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    words = words_in(letters)
    return " ".join(word for word in words if word not in _ARTICLES) or " ".join(words)


def words_in(text: str) -> list[str]:
    """Return the words of a text, and the symbols that tell things apart as if they were words."""
    found = re.findall(r"\w+[+#]*|[^\w\s]", text)
    return [each for each in found if each[0] == "_" or each[0].isalnum() or _is_symbol(each)]


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) in _SYMBOLS and character != BLANK


def refines(first: str, second: str) -> bool:
    """Say whether one is the beginning of the other, word for word: `berlin`, `berlin germany`."""
    a, b = first.split(), second.split()
    shorter = min(len(a), len(b))
    return shorter > 0 and a[:shorter] == b[:shorter]
