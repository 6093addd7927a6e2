"""Where a quoted or wanted text stands in a page: case, blanks and marks of links do not count.

Found places are offsets in the stored text, so what is quoted is always the page's own wording and
never the policy's.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from retrieval.browser.commands import TO
from retrieval.browser.marks import neutral, without_marks

_WORD = re.compile(r"\S+")


class Span(NamedTuple):
    """`text[start:end]` of a page."""

    start: int
    end: int


class _Folded(NamedTuple):
    """A text without case and blanks; `places[i]` is where its character i stands in the text."""

    text: str
    places: array[int]


def find_text(text: str, wanted: str, after: int) -> Span | None:
    """Return the next place of `wanted` that begins at `after` or behind it, or else from the top.

    Runs of blanks are one, as on a screen; nothing else about blanks is ignored here.
    """
    words = [re.escape(word) for word in neutral(without_marks(wanted)).split()]
    if not words:
        return None
    pattern = re.compile(r"\s+".join(words), re.IGNORECASE)
    shown = neutral(text)
    found = pattern.search(shown, min(max(after, 0), len(text))) or pattern.search(shown)
    return Span(*found.span()) if found else None


def find_quote(text: str, quoted: str, *, longest: int, near: int = 0) -> Span | None:
    """Return where `quoted` stands, at `near` or behind it first; None where it does not.

    Case and all blanks are ignored. "first words━last words" is the shortest run from the one to
    the other. A run of more than `longest` characters does not count.
    """
    first, abbreviated, last = without_marks(quoted).partition(TO)
    folded = _folded(text)
    head, tail = _folded(first).text, _folded(last).text
    if not head or (abbreviated and not tail):
        return None
    found = [
        span
        for start, end in _occurrences(folded, head)
        if (span := _completed(folded, start, end, tail)) and span.end - span.start <= longest
    ]
    return min(found, key=lambda span: (span.start < near, span.start), default=None)


def _completed(folded: _Folded, start: int, end: int, tail: str) -> Span | None:
    """Return the span of an occurrence of the first words, prolonged to the nearest last words."""
    if tail:
        end = next((stop for _, stop in _occurrences(folded, tail, end)), -1)
        if end < 0:
            return None
    return Span(folded.places[start], folded.places[end - 1] + 1)


def _occurrences(folded: _Folded, wanted: str, place: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where `wanted` stands in a folded text, in whole characters of the text itself."""
    while (place := folded.text.find(wanted, place)) >= 0:
        end = place + len(wanted)
        if _between(folded.places, place) and _between(folded.places, end):
            yield place, end
        place += 1


def _between(places: array[int], place: int) -> bool:
    """Say whether no character of the text lies on both sides: "ß" is folded to two."""
    return place in (0, len(places)) or places[place - 1] != places[place]


@lru_cache(maxsize=64)
def _folded(text: str) -> _Folded:
    words: list[str] = []
    places = array("l")
    for word in _WORD.finditer(neutral(text)):
        words.append(word[0].casefold())
        if len(words[-1]) == len(word[0]):  # folding never shortens: one character for each
            places.extend(range(*word.span()))
        else:
            for place, character in enumerate(word[0], word.start()):
                places.extend([place] * len(character.casefold()))
    return _Folded("".join(words), places)
