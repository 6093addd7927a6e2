"""The part of a text that shows why it was found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LENGTH = 160  # characters of a snippet
_SEARCHED = 50_000  # characters; of a longer text the beginning is shown when the words come later


def snippet(text: str, wanted: Sequence[str]) -> str:
    """Return about LENGTH characters of `text` around the most of the `wanted` words."""
    head = text[:_SEARCHED]
    places = _places(head, wanted) or _places(_without_accents(head), wanted)
    start = _best_start(places) if places else 0
    return _cut(text, max(0, start))


def _places(text: str, wanted: Sequence[str]) -> list[tuple[int, str]]:
    """Return where the words stand, in order."""
    pattern = "|".join(re.escape(word) for word in wanted)
    found = re.finditer(pattern, text, re.IGNORECASE)
    return [(match.start(), match.group().casefold()) for match in found]


def _best_start(places: list[tuple[int, str]]) -> int:
    """Return where to begin so that the most different words are seen, the earliest such place."""
    best, most = 0, 0
    for index, (start, _) in enumerate(places):
        seen = {word for place, word in places[index : index + 50] if place - start < LENGTH // 2}
        if len(seen) > most:
            best, most = start, len(seen)
    return best - LENGTH // 4


def _cut(text: str, start: int) -> str:
    """Return LENGTH characters from `start`, at the bounds of words where there are any near."""
    if start > 0:
        space = text.find(" ", start, start + LENGTH // 8)
        start = space + 1 if space >= 0 else start
    end = start + LENGTH
    if end < len(text):
        space = text.rfind(" ", end - LENGTH // 8, end)
        end = space if space >= 0 else end
    return ("…" if start > 0 else "") + text[start:end] + ("…" if end < len(text) else "")


def _without_accents(text: str) -> str:
    """Return the text with every letter's accents taken off, character for character."""
    return "".join(unicodedata.normalize("NFKD", letter)[0] for letter in text)
