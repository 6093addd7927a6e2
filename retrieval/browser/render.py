"""The state as a policy reads it: WebGPT's text (figure 1b and appendix A), made anew each step.

It is all the memory that a policy has. Text of pages, titles and questions is shown with
look-alikes for the browser's marks, so that no page can forge a field, a link or an extract's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from retrieval.browser.marks import END_OF_EXTRACT, FIELD, link_mark, neutral
from retrieval.browser.pages import Page
from retrieval.browser.state import PageQuote, State
from retrieval.web.pages import PageLink

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Room:
    """How much of a state is shown, for policies that cannot read it whole; -1 is all.

    `actions` and `quotes` keep the latest, `extract` the beginning of each, in characters, and
    `text` the beginning of the screen.
    """

    actions: int = -1
    quotes: int = -1
    extract: int = -1
    text: int = -1


EVERYTHING = Room()


def render(state: State, room: Room = EVERYTHING) -> str:
    """Return the text of a state, up to the prompt for the next action."""
    view = state.view
    page = view.page if view else None
    fields = (
        ("Question", neutral(state.question)),
        ("Quotes", "\n".join(_extract(q, room) for q in _latest(state.quotes, room.quotes))),
        ("Past actions", "\n".join(neutral(line) for line in _latest(state.past, room.actions))),
        ("Title", _with_domain(page.title, page.domain) if page else ""),
        ("Scrollbar", f"{view.screen if view else 0} - {len(state.screens) - 1}"),
        ("Text", shown(page, *visible(state, room)) if page else ""),
        ("Actions left", str(state.actions_left)),
        ("Next action", ""),
    )
    return "\n".join(_field(name, text) for name, text in fields)


def visible(state: State, room: Room = EVERYTHING) -> tuple[int, int]:
    """Return what of the page's text a policy with so much room sees, as offsets."""
    start, end = state.visible
    return start, end if room.text < 0 else min(end, start + room.text)


def shown(page: Page, start: int, end: int) -> str:
    """Return `page.text[start:end]` with its links marked; one that is cut off is no link here."""
    parts: list[str] = []
    place = start
    for number, link in visible_links(page, start, end):
        said = page.text[link.start : link.end]
        parts += [neutral(page.text[place : link.start])]
        parts += [link_mark(number, said, link.domain, page.domain)]
        place = link.end
    return ("".join(parts) + neutral(page.text[place:end])).strip("\n")


def visible_links(page: Page, start: int, end: int) -> list[tuple[int, PageLink]]:
    """Return the links that lie whole in `page.text[start:end]`, each with its number."""
    return [
        (number, link)
        for number, link in enumerate(page.links)
        if start <= link.start and link.end <= end
    ]


def answer_prompt(state: State) -> str:
    """Return what WebGPT's answering phase reads: the question and the numbered extracts."""
    parts = [f"{neutral(state.question)}{END_OF_EXTRACT}"]
    for number, quote in enumerate(state.quotes, 1):
        title = _with_domain(quote.title, quote.domain)
        parts.append(f"[{number}] {title}\n\n{neutral(quote.text)}{END_OF_EXTRACT}")
    return "\n".join(parts)


def _field(name: str, text: str) -> str:
    """Short values stand behind the name, as in the paper; others below it."""
    if name in ("Scrollbar", "Actions left"):
        return f"{FIELD}{name}: {text}"
    return f"{FIELD}{name}\n{text}" if text else f"{FIELD}{name}"


def _with_domain(title: str, domain: str) -> str:
    return neutral(f"{title} ({domain})" if domain else title)


def _extract(quote: PageQuote, room: Room) -> str:
    text = " ".join(neutral(quote.text).split())
    if 0 <= room.extract < len(text):
        text = text[: room.extract].rstrip() + "…"
    return f"From {_with_domain(quote.title, quote.domain)}\n> {text}"


def _latest(items: Sequence[_Item], most: int) -> Sequence[_Item]:
    return items if most < 0 else items[max(0, len(items) - most) :]
