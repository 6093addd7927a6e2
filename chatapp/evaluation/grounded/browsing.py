"""The rows that browse: a policy, a world over real HTTP, and what is read back from its trace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chatapp.assistant.composing import Found, Supports, worth_showing
from chatapp.evaluation.grounded.answers import Answer
from chatapp.evaluation.grounded.plain import OneShot
from chatapp.evaluation.grounded.policies import Policy
from chatapp.evaluation.grounded.telling import told
from chatapp.evaluation.schemas import Question
from retrieval.browser.pages import Page, error_page
from retrieval.browser.session import Browsed
from retrieval.browser.world import World
from retrieval.types import Quote

_AROUND = 600  # characters before and after a quote that tell what it speaks of, as in the app
_SEEDS_APART = 1_000  # a browse uses up one seed an action
_RUN = 10  # words that a page may not share with a question: WebGPT's appendix A

MakeWorld = Callable[[float], World]
"""Makes the world of one browse, which has to end at a moment of `time.monotonic()`."""


@dataclass(frozen=True)
class Showing:
    """How the app shows quotes: from which score, how many, and what its checker is."""

    threshold: float
    most: int
    supports: Supports | None = None


class Browsing:
    """Answers by browsing with one policy."""

    def __init__(
        self, name: str, policy: Policy, world: MakeWorld, seconds: float, showing: Showing
    ) -> None:
        self.name = name
        self._policy, self._world, self._seconds = policy, world, seconds
        self._showing = showing
        self._last: tuple[str, Browsed] | None = None

    def answer(self, question: Question) -> Answer:
        """See `Answerer`."""
        return answer_of(question.text, self.browsed(question), self._showing)

    def browsed(self, question: Question) -> Browsed:
        """Return the browse for a question; rows that ask one after the other share it."""
        if self._last is None or self._last[0] != question.text:
            self._last = question.text, self._browse(question, self._policy)
        return self._last[1]

    def _browse(self, question: Question, policy: Policy) -> Browsed:
        deadline = time.monotonic() + self._seconds
        world = WithoutQuestion(self._world(deadline), question.text)
        return policy.browse(question.text, world, deadline)


class WithSources:
    """A browse and one search of the index: what the browse quotes leads, if it quotes anything.

    The app asks a person's own sources before the web; what they are not sure of counts here too.
    """

    def __init__(self, name: str, search: OneShot, browsing: Browsing, showing: Showing) -> None:
        self.name = name
        self._search, self._browsing, self._showing = search, browsing, showing

    def answer(self, question: Question) -> Answer:
        """See `Answerer`."""
        found, seconds = self._search.found(question)
        browsed = self._browsing.browsed(question)
        pairs = [*((each.quote, each.around) for each in found), *_pairs(browsed)]
        first = browsed.quotes[0] if browsed.quotes else None
        answer = _answered(question.text, pairs, browsed, self._showing, first)
        return answer.after(seconds + browsed.seconds)


class LearnedSampler(Browsing):
    """The learned policy, drawn several times; its own reward chooses among the draws."""

    def __init__(
        self,
        draw: Callable[[int | None], Policy],
        world: MakeWorld,
        seconds: float,
        showing: Showing,
    ) -> None:
        """`draw` makes the policy with a seed; without one it is greedy."""
        super().__init__("learned", draw(None), world, seconds, showing)
        self._draw = draw

    def draw(self, question: Question, count: int) -> Sequence[Answer]:
        """See `Sampler`."""
        return [self._drawn(question, number) for number in range(count)]

    def _drawn(self, question: Question, number: int) -> Answer:
        from chatapp.browsing.choosing import reward

        browsed = self._browse(question, self._draw(number * _SEEDS_APART))
        answer = answer_of(question.text, browsed, self._showing)
        return replace(answer, reward=reward(browsed))


def answer_of(question: str, browsed: Browsed, showing: Showing) -> Answer:
    """Return the answer that the app makes of a browse."""
    return _answered(question, _pairs(browsed), browsed, showing)


def _answered(
    question: str,
    pairs: Sequence[tuple[Quote, str]],
    browsed: Browsed,
    showing: Showing,
    first: Quote | None = None,
) -> Answer:
    around = dict(pairs)
    worth = worth_showing(list(around), showing.threshold, showing.most)
    if first is not None:
        worth = [first, *(quote for quote in worth if quote != first)][: showing.most]
    found = [Found(n, quote, around[quote]) for n, quote in enumerate(worth, start=1)]
    steps = [json.loads(line) for line in browsed.trace]
    return replace(
        told(question, found, showing.supports),
        actions=browsed.actions,
        seconds=browsed.seconds,
        invalid=sum(bool(step.get("problem")) for step in steps),
        ended=browsed.why_ended,
    )


def _pairs(browsed: Browsed) -> list[tuple[Quote, str]]:
    """Return the quotes of a browse, each with the text around it."""
    return [(quote, _around(quote, browsed.pages[quote.document_id])) for quote in browsed.quotes]


def _around(quote: Quote, page: Page) -> str:
    return page.text[max(0, quote.start - _AROUND) : quote.end + _AROUND]


class WithoutQuestion:
    """A world whose pages are hidden when they quote the question: those give benchmarks away."""

    def __init__(self, world: World, question: str) -> None:
        self._world, self._runs = world, _runs(question)

    def search(self, query: str) -> Page:
        """See `World.search`."""
        return self._world.search(query)

    def open(self, url: str) -> Page:
        """See `World.open`."""
        page = self._world.open(url)
        if self._runs and self._runs & _runs(page.text):
            return error_page(url, "Not shown", "This page quotes the question.")
        return page


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[place : place + _RUN]) for place in range(len(words) - _RUN + 1)}
