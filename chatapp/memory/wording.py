"""Which words tell a fact, and blanking words in a text.

A name or a place is told by its own words wherever they stand. A number, or the words of a note,
stand in much that has nothing to do with the fact: they are blanked where the fact was stated or
told, and elsewhere only as the whole sentence that tells it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise

from chatapp.conversations.seen import BLANK
from chatapp.memory.normal import words_in
from chatapp.memory.slots import SLOTS

_PLACES = ("home", "origin")
_COMMON = ("age", "birth_year", "note")

Redact = Callable[[str], str]


def blank(text: str, start: int, end: int) -> str:
    """Blank a span, as far as it lies in the text: one mark a character."""
    end = min(end, len(text))
    return text[:start] + BLANK * (end - start) + text[end:] if start < end else text


def without(words: Iterable[str], text: str) -> str:
    """Return `text` with all of these words blanked, in any case and with any spaces."""
    return _pattern(frozenset(words)).sub(lambda found: BLANK * len(found[0]), text)


def holds(words: Iterable[str], text: str) -> bool:
    """Return whether any of these words stand in `text`."""
    return _pattern(frozenset(words)).search(text) is not None


def forms(slot: str, value: str) -> set[str]:
    """Return the value and, of a place, what stands before its comma: `Berlin`, of Germany."""
    return {value, value.partition(",")[0]} if slot in _PLACES else {value}


def telling(slot: str, key: str, value: str) -> set[str]:
    """Return the words that tell the fact wherever they stand."""
    if slot not in SLOTS or not is_common(slot, value):  # a stored prompt may name any slot
        return forms(slot, value)
    told = SLOTS[slot].to_person(key, value), SLOTS[slot].to_model(key, value)
    return {words for words in told if is_sentence(words)}


def is_common(slot: str, value: str) -> bool:
    """Say whether the value's own words often stand for something else: 34, or a note."""
    return slot in _COMMON or not re.search(r"[^\W\d_]", value)


def is_sentence(text: str) -> bool:
    """Say whether `text` has words enough to tell something by itself."""
    return len(re.findall(r"\w+", text)) > 1


@lru_cache(maxsize=16)
def _pattern(texts: frozenset[str]) -> re.Pattern[str]:
    words = (words_in(text) for text in sorted(texts, key=len, reverse=True))
    patterns = [_phrase(each) for each in words if each]
    # an underscore is how a model writes in italics
    either = rf"(?<![^\W_])(?:{'|'.join(patterns)})(?![^\W_])"
    return re.compile(either if patterns else r"(?!)", re.IGNORECASE)


def _phrase(words: list[str]) -> str:
    """Match words with anything but a word between them; a symbol may stand close by."""
    pattern = re.escape(words[0])
    for before, word in pairwise(words):
        gap = r"\W+" if re.search(r"\w\n\w", f"{before}\n{word}") else r"\W*"
        pattern += gap + re.escape(word)
    return pattern
