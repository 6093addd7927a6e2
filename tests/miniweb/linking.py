"""Where an article mentions another one that exists: the links of the mini-web.

Longest titles first, each target once a page, as editors do it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_LONGEST = 6  # words of a title that is looked for


class Linker:
    """Finds titles in texts.

    Args:
        titles: of all articles. Titles of one lower-case-able common word, such as "May", would be
            found everywhere; single words count only where they are capitalised inside a sentence.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        self._titles = {_folded(title): title for title in titles if 2 < len(title) < 80}

    def links(self, text: str, own: str, seen: set[str]) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, title) of mentions in `text`, in order.

        Args:
            own: the article's own title, which is no link.
            seen: titles that are linked already; those found are added.
        """
        words = [match.span() for match in _WORD.finditer(text)]
        place = 0
        while place < len(words):
            found = self._longest(text, words, place)
            if found is None:
                place += 1
                continue
            count, title = found
            start, end = words[place][0], words[place + count - 1][1]
            place += count
            if title != own and title not in seen:
                seen.add(title)
                yield start, end, title

    def _longest(
        self, text: str, words: list[tuple[int, int]], place: int
    ) -> tuple[int, str] | None:
        start = words[place][0]
        for count in range(min(_LONGEST, len(words) - place), 0, -1):
            end = words[place + count - 1][1]
            title = self._titles.get(_folded(text[start:end]))
            if title and (count > 1 or _named(text, start)):
                return count, title
        return None


def _named(text: str, start: int) -> bool:
    """Say whether the word at `start` is a name: capitalised, and not because a sentence begins."""
    return text[start].isupper() and text[:start].rstrip()[-1:] not in {"", ".", "!", "?", "\n"}


def _folded(title: str) -> str:
    """Return a title as it is compared: the first letter may be small, the others may not."""
    joined = " ".join(title.split())
    return joined[:1].upper() + joined[1:]
