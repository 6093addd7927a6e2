"""WebGPT's commands (its table 1): what a policy can say, and nothing else.

The thing to know: there is no command that takes an address. A policy searches and follows links
that it was shown, so no page can make it call a place of the page's choosing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from retrieval.text import sanitize_text

Ending = Literal["Answer", "Nonsense", "Controversial"]
Direction = Literal["down", "up"]

ENDINGS: tuple[Ending, ...] = ("Answer", "Nonsense", "Controversial")
MOST_SCREENS = 3
LONGEST_ARGUMENT = 2_000  # characters; no query and no quote needs more
TO = "━"  # between the first and the last words of an abbreviated quote


@dataclass(frozen=True)
class Search:
    """Ask the search providers."""

    query: str

    def __str__(self) -> str:
        return f"Search {self.query}"


@dataclass(frozen=True)
class ClickLink:
    """Follow a link of the current page; `link` is its place among them, from 0."""

    link: int

    def __str__(self) -> str:
        return f"Clicked on link {self.link}"


@dataclass(frozen=True)
class FindInPage:
    """Scroll to the next place where the text stands."""

    text: str

    def __str__(self) -> str:
        return f"Find in page: {self.text}"


@dataclass(frozen=True)
class QuoteText:
    """Take a run of the current page as a reference; `TO` may stand for its middle."""

    text: str

    def __str__(self) -> str:
        return f"Quote: {self.text}"


@dataclass(frozen=True)
class Scroll:
    """Move by one to three screens."""

    direction: Direction
    screens: int

    def __str__(self) -> str:
        return f"Scrolled {self.direction} {self.screens}"


@dataclass(frozen=True)
class Top:
    """Go to the first screen of the page."""

    def __str__(self) -> str:
        return "Top"


@dataclass(frozen=True)
class Back:
    """Return to the page before."""

    def __str__(self) -> str:
        return "Back"


@dataclass(frozen=True)
class End:
    """Stop: to answer from the quotes, or without an answer."""

    how: Ending

    def __str__(self) -> str:
        return f"End: {self.how}"


@dataclass(frozen=True)
class Invalid:
    """What is no command, or cannot be done here; it costs an action and changes nothing else."""

    text: str
    why: str

    def __str__(self) -> str:
        return self.text


Command = Search | ClickLink | FindInPage | QuoteText | Scroll | Top | Back | End

_WITH_TEXT: tuple[tuple[str, Callable[[str], Command]], ...] = (
    ("Search ", Search),
    ("Find in page: ", FindInPage),
    ("Quote: ", QuoteText),
)
_LINK = re.compile(r"Clicked on link (\d{1,6})")
_SCROLL = re.compile(rf"Scrolled (down|up) ([1-{MOST_SCREENS}])")
_PLAIN: dict[str, Command] = {str(end): end for end in (End(how) for how in ENDINGS)}
_PLAIN |= {"Top": Top(), "Back": Back()}


def parse(text: str) -> Command | Invalid:
    """Return the command that `text` spells; its argument becomes one line of clean text."""
    line = one_line(text)
    if line in _PLAIN:
        return _PLAIN[line]
    if link := _LINK.fullmatch(line):
        return ClickLink(int(link[1]))
    if scroll := _SCROLL.fullmatch(line):
        return Scroll("down" if scroll[1] == "down" else "up", int(scroll[2]))
    for prefix, command in _WITH_TEXT:
        argument = line.removeprefix(prefix)
        if argument != line and argument:
            if len(argument) > LONGEST_ARGUMENT:
                return Invalid(line[:LONGEST_ARGUMENT], "the text is too long")
            return command(argument)
    return Invalid(line[:LONGEST_ARGUMENT], "this is no command")


def one_line(text: str) -> str:
    """Return clean text on one line, with single blanks."""
    return " ".join(sanitize_text(text).split())
