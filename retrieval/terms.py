"""Words of a question: which ones carry meaning, and how to fold them for comparison."""

from __future__ import annotations

import re
import unicodedata

from retrieval.segment import sought

_VOICED = "\u3099\u309a"  # marks that make another kana of one: no diacritics
_WORD = re.compile(r"[^\W_]+")

# Function words and the words questions are asked with. They match a third of all passages, so
# they cost most of the time of a full-text query and add nothing to its ranking.
_FUNCTION_WORDS = """
a about above after again all also am an and any are as at be because been before being below
between both but by can could d did didn do does doesn doing don down during each few for from
further had has have having he her here hers him himself his how i if in into is isn it its
itself just ll m me more most my myself no nor not now of off on once only or other our ours out
over own please re s same say says she should so some such t tell than that the their theirs
them then there these they this those through to too under until up us ve very was we were what
when where which while who whom whose why will with would you your yours many much name called
"""
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())


def words(text: str) -> list[str]:
    """Return the runs of letters and digits in `text`, as written.

    What has no spaces between words comes as the index holds it; see `retrieval.segment`.
    """
    return _WORD.findall(sought(text))


def fold(word: str) -> str:
    """Return `word` in lower case without diacritics."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    bare = (char for char in decomposed if char in _VOICED or not unicodedata.combining(char))
    return unicodedata.normalize("NFC", "".join(bare))  # Hangul and kana stay whole


def content_words(text: str) -> list[str]:
    """Return the distinct folded words of `text` that carry meaning, in order.

    A text of function words only ("who are they") keeps them all: better a weak query than none.
    """
    folded = list(dict.fromkeys(fold(word) for word in words(text)))
    return [word for word in folded if word not in STOP_WORDS] or folded
