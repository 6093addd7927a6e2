"""One browse from start to end, whoever drives it: steps, their trace, time, and what came of it.

A policy says commands through `Session.do`; the session keeps the trace, tells whoever watches, and
ends the browse by `Halted` when its time is over or nobody wants it any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from retrieval.browser.commands import Command
from retrieval.browser.pages import Page
from retrieval.browser.state import Limits, PageQuote, State, start
from retrieval.browser.traces import Recorder
from retrieval.browser.world import World
from retrieval.types import Quote

Why = Literal["answered", "nothing_found", "no_search", "deadline", "stopped", "actions"]
"""`answered`: there are quotes. `nothing_found`: pages were read and none supports an answer.
`no_search`: no search could be made; the last page says why. The others are limits without a quote
or with some; a browse that was cut short still gives what it quoted."""


@dataclass(frozen=True)
class Step:
    """One action as it happened, for whoever watches; `page` is what is seen after it."""

    number: int
    command: str
    problem: str
    page: Page | None
    actions_left: int


OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class Browsed:
    """What a browse came to.

    Attributes:
        quotes: runs of pages with their support, best first: `uri` is the page's address,
            `document_id` the page's id, and `start`, `end` offsets in its text.
        pages: every page that was seen, by id; quotes can be verified against them.
        trace: JSON lines; see `retrieval.browser.traces`.
    """

    state: State
    quotes: tuple[Quote, ...]
    pages: Mapping[str, Page]
    trace: tuple[str, ...]
    why_ended: Why
    seconds: float

    @property
    def actions(self) -> int:
        """How many actions it took."""
        return self.state.limits.actions - self.state.actions_left


class Halted(Exception):
    """The browse is over: its time, its actions, or whoever wanted it."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class Watch:
    """When a browse has to end, and who looks on.

    `deadline` is a moment of `time.monotonic()`; worlds that can wait should know it too.
    """

    deadline: float = inf
    should_stop: Callable[[], bool] = lambda: False
    on_step: OnStep | None = None


class Session:
    """A browse under way."""

    def __init__(
        self, question: str, world: World, limits: Limits | None = None, watch: Watch | None = None
    ) -> None:
        self._watch = watch or Watch()
        self._recorder = Recorder(start(question, limits), world)
        self._began = time.monotonic()
        self._steps = 0
        self.pages: dict[str, Page] = {}

    @property
    def state(self) -> State:
        """The state after the last step."""
        return self._recorder.state

    def check(self) -> None:
        """Raise `Halted` if the browse has to end now."""
        if self._watch.should_stop():
            raise Halted("stopped")
        if time.monotonic() >= self._watch.deadline:
            raise Halted("deadline")
        if self.state.ended in ("actions", "references"):
            raise Halted("answered" if self.state.ended == "references" else "actions")

    def do(self, command: Command | str) -> State:
        """Do one action and tell whoever watches. Raises `Halted` instead, when it is over."""
        self.check()
        state = self._recorder.step(str(command))
        self._steps += 1
        page = state.view.page if state.view else None
        if page:
            self.pages[page.id] = page
        if self._watch.on_step:
            self._watch.on_step(
                Step(self._steps, str(command), state.problem, page, state.actions_left)
            )
        return state

    def finish(self, why: Why, weighed: Sequence[Quote], judged: Sequence[Quote] = ()) -> Browsed:
        """Return what it came to.

        Args:
            weighed: sentences of its pages with their support, all pages beside each other.
            judged: with their support on their own page, for those that are not weighed.
        """
        quotes = [as_quote(quote, weighed, judged) for quote in self.state.quotes]
        return Browsed(
            self.state,
            tuple(sorted(quotes, key=lambda quote: -quote.score)),
            self.pages,
            self._recorder.end(),
            why,
            time.monotonic() - self._began,
        )


def as_quote(quote: PageQuote, weighed: Sequence[Quote], judged: Sequence[Quote]) -> Quote:
    """Return a browser's quote as the rest of the app knows quotes.

    Support and answer are those of the best sentence in it; one that is not among those weighed
    counts no more than the least of them. How certain the short answer is, its own page says, so
    that another page that disagrees is heard. Without any sentence, all are 0 and "".
    """
    weighs, own = _best_inside(quote, weighed), _best_inside(quote, judged)
    most = 1.0 if weighs else min((one.score for one in weighed), default=1.0)
    best, own = weighs or own, own or weighs
    return Quote(
        text=quote.text,
        passage_id=f"{quote.page}:{quote.start}",
        document_id=quote.page,
        uri=quote.url,
        title=quote.title,
        start=quote.start,
        end=quote.end,
        score=min(best.score, most) if best else 0.0,
        answer=best.answer if best else "",
        certainty=own.certainty if own else 0.0,
    )


def _best_inside(quote: PageQuote, sentences: Sequence[Quote]) -> Quote | None:
    inside = [
        one
        for one in sentences
        if one.document_id == quote.page and quote.start <= one.start and one.end <= quote.end
    ]
    return max(inside, key=lambda one: one.score, default=None)
