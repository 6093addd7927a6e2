"""The rows that browse: a policy, a world over real HTTP, and what is read back from its trace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chatapp.assistant.composing import Found
from chatapp.evaluation.grounded.answers import Answer
from chatapp.evaluation.grounded.policies import Learned, Policy
from chatapp.evaluation.grounded.telling import told
from chatapp.evaluation.schemas import Question
from retrieval.browser.pages import Page, error_page
from retrieval.browser.session import Browsed
from retrieval.browser.world import World
from retrieval.types import Quote

if TYPE_CHECKING:
    from chatapp.inference.generator import Generator
    from retrieval.browser.judge import Judge

_AROUND = 600  # characters before and after a quote that tell what it speaks of, as in the app
_SEEDS_APART = 1_000  # a browse uses up one seed an action
_RUN = 10  # words that a page may not share with a question: WebGPT's appendix A

MakeWorld = Callable[[float], World]
"""Makes the world of one browse, which has to end at a moment of `time.monotonic()`."""


class Browsing:
    """Answers by browsing with one policy."""

    def __init__(self, name: str, policy: Policy, world: MakeWorld, seconds: float) -> None:
        self.name = name
        self._policy, self._world, self._seconds = policy, world, seconds

    def answer(self, question: Question) -> Answer:
        """See `Answerer`."""
        return answer_of(question.text, self._browsed(question, self._policy))

    def _browsed(self, question: Question, policy: Policy) -> Browsed:
        deadline = time.monotonic() + self._seconds
        world = WithoutQuestion(self._world(deadline), question.text)
        return policy.browse(question.text, world, deadline)


class LearnedSampler(Browsing):
    """The learned policy, drawn several times; its own reward chooses among the draws."""

    def __init__(
        self, generator: Generator, judge: Judge, world: MakeWorld, seconds: float
    ) -> None:
        super().__init__("learned", Learned(generator, judge), world, seconds)
        self._generator, self._judge = generator, judge

    def draw(self, question: Question, count: int) -> Sequence[Answer]:
        """See `Sampler`."""
        return [self._drawn(question, number) for number in range(count)]

    def _drawn(self, question: Question, number: int) -> Answer:
        from chatapp.browsing.choosing import reward

        policy = Learned(self._generator, self._judge, seed=number * _SEEDS_APART)
        browsed = self._browsed(question, policy)
        return replace(answer_of(question.text, browsed), reward=reward(browsed))


def answer_of(question: str, browsed: Browsed) -> Answer:
    """Return the answer that the app makes of a browse."""
    found = [
        Found(n, quote, _around(quote, browsed.pages[quote.document_id]))
        for n, quote in enumerate(browsed.quotes, start=1)
    ]
    answer = told(question, found)
    steps = [json.loads(line) for line in browsed.trace]
    return replace(
        answer,
        actions=browsed.actions,
        seconds=browsed.seconds,
        invalid=sum(bool(step.get("problem")) for step in steps),
        ended=browsed.why_ended,
    )


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
