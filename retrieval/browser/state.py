"""What a browse consists of: pages on the way back, quotes, past actions, and what is left.

All of it is frozen. `retrieval.browser.step` makes one state of another; nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retrieval.browser.pages import Page, screens

# The three endings of the grammar, and the two limits.
Ended = Literal["Answer", "Nonsense", "Controversial", "actions", "references"]


@dataclass(frozen=True)
class Limits:
    """How far a browse may go; lengths are in characters.

    WebGPT gives 100 actions and does not say what its screens and references are limited to.
    """

    actions: int = 100
    references: int = 4_000
    quote: int = 1_000
    screen: int = 1_000

    def __post_init__(self) -> None:
        if min(self.actions, self.references, self.quote, self.screen) < 1:
            raise ValueError("every limit of a browse must be at least 1")


@dataclass(frozen=True)
class View:
    """A page and the screen of it that is seen; `found` is where the last find ended, or -1."""

    page: Page
    screen: int = 0
    found: int = -1


@dataclass(frozen=True)
class PageQuote:
    """A run of a page: `text == page.text[start:end]` of the page whose id is `page`."""

    page: str
    url: str
    title: str
    domain: str
    date: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class State:
    """One moment of a browse. `problem` says why the last action had no effect, "" if it had."""

    question: str
    limits: Limits
    actions_left: int
    views: tuple[View, ...] = ()
    quotes: tuple[PageQuote, ...] = ()
    past: tuple[str, ...] = ()
    ended: Ended | None = None
    problem: str = ""

    @property
    def view(self) -> View | None:
        """What is seen; None before the first search."""
        return self.views[-1] if self.views else None

    @property
    def visible(self) -> tuple[int, int]:
        """The part of the page's text that is seen, as offsets."""
        return self.screens[self.views[-1].screen] if self.views else (0, 0)

    @property
    def screens(self) -> tuple[tuple[int, int], ...]:
        """The screens of the current page, as offsets in its text."""
        return screens(self.views[-1].page.text, self.limits.screen) if self.views else ((0, 0),)

    @property
    def find_from(self) -> int:
        """Where the next find begins: behind the last one, or at the top of the screen."""
        found = self.views[-1].found if self.views else -1
        return found if found >= 0 else self.visible[0]

    @property
    def references(self) -> int:
        """The length of all quotes together."""
        return sum(len(quote.text) for quote in self.quotes)

    @property
    def answers(self) -> bool:
        """Whether an answer follows: something was quoted and it was not ended without one."""
        return bool(self.quotes) and self.ended not in (None, "Nonsense", "Controversial")


def start(question: str, limits: Limits | None = None) -> State:
    """Return the state before the first action.

    Raises:
        ValueError: the question is empty.
    """
    if not question.strip():
        raise ValueError("there is nothing to browse for: the question is empty")
    limits = limits or Limits()
    return State(question.strip(), limits, limits.actions)
