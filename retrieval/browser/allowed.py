"""Which commands a policy may choose from in a state: what a token mask is built of.

The thing to know: whatever is allowed here is valid in `retrieval.browser.step`, so a policy under
a mask of it cannot waste an action. It is narrower than the grammar where that costs nothing a
small model could use: a quote is one to three whole sentences of what is seen, a search is made of
words of the question and of the quotes, and nothing but a search comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.browser.commands import (
    ENDINGS,
    MOST_SCREENS,
    Back,
    ClickLink,
    Command,
    End,
    FindInPage,
    QuoteText,
    Scroll,
    Top,
)
from retrieval.browser.marks import neutral
from retrieval.browser.matching import find_text
from retrieval.browser.render import EVERYTHING, Room, visible, visible_links
from retrieval.browser.state import State, View
from retrieval.browser.step import quotable
from retrieval.sentences import sentence_spans
from retrieval.terms import content_words

MOST_SENTENCES = 3  # in one quote
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_NAME = re.compile(r"(?<=[\w,] )[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")


@dataclass(frozen=True)
class Allowed:
    """The commands that may come next.

    Attributes:
        commands: all but searches, each spelled out.
        query_words: what a search may be made of, in any order and number.
    """

    commands: tuple[str, ...]
    query_words: tuple[str, ...]


def allowed(state: State, room: Room = EVERYTHING) -> Allowed:
    """Return what may come next for a policy that sees the state within `room`."""
    if state.ended:
        return Allowed((), ())
    words = _query_words(state)
    view = state.view
    if view is None:
        return Allowed((), words)
    spelled = (str(command) for command in _commands(state, view, room))
    return Allowed(tuple(dict.fromkeys(spelled)), words)


def _commands(state: State, view: View, room: Room) -> Iterator[Command]:
    start, end = visible(state, room)
    for number, _ in visible_links(view.page, start, end):
        yield ClickLink(number)
    yield from _quotes(state, view, start, end)
    yield from _finds(state, view)
    for screens in range(1, MOST_SCREENS + 1):
        if view.screen + screens < len(state.screens):
            yield Scroll("down", screens)
        if view.screen - screens >= 0:
            yield Scroll("up", screens)
    if view.screen:
        yield Top()
    if len(state.views) > 1:
        yield Back()
    for how in ENDINGS:
        if how != "Answer" or state.quotes:
            yield End(how)


def _quotes(state: State, view: View, start: int, end: int) -> Iterator[QuoteText]:
    if view.page.kind != "page":
        return
    for text in sentence_runs(view.page.text, start, end):
        if not isinstance(quotable(state, view.page, text), str):
            yield QuoteText(text)


def sentence_runs(text: str, start: int, end: int) -> list[str]:
    """Return every run of up to `MOST_SENTENCES` whole sentences of `text[start:end]`, as shown."""
    part = text[start:end]
    spans = [span for span in sentence_spans(part) if not part[slice(*span)].startswith("#")]
    return [
        " ".join(neutral(part[first[0] : last[1]]).split())
        for place, first in enumerate(spans)
        for last in spans[place : place + MOST_SENTENCES]
    ]


def _finds(state: State, view: View) -> Iterator[FindInPage]:
    """Words and names of the question that the page holds."""
    question = neutral(state.question)
    for text in dict.fromkeys([*_NAME.findall(question), *content_words(question)]):
        if find_text(view.page.text, text, 0):
            yield FindInPage(text)


def _query_words(state: State) -> tuple[str, ...]:
    texts = [state.question, *(f"{quote.title} {quote.text}" for quote in state.quotes)]
    return tuple(dict.fromkeys(_WORD.findall(neutral(" ".join(texts)))))
