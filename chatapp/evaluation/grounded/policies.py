"""The policies, each as one call: the scripted one, and learned ones, greedy or drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from retrieval.browser.judge import Judge
from retrieval.browser.scripted import Effort
from retrieval.browser.session import Browsed, Watch
from retrieval.browser.state import Limits
from retrieval.browser.world import World

if TYPE_CHECKING:
    from chatapp.browsing.chooser import Chooser
    from chatapp.inference.generator import Generator


class Policy(Protocol):
    """Whoever chooses the actions."""

    def browse(self, question: str, world: World, deadline: float) -> Browsed:
        """Browse for one question until `deadline`, a moment of `time.monotonic()`."""
        ...


class Scripted:
    """`retrieval.browser.scripted`; with the settings' limits and effort, as the app runs it."""

    def __init__(
        self, judge: Judge, limits: Limits | None = None, effort: Effort | None = None
    ) -> None:
        self._judge, self._limits, self._effort = judge, limits, effort

    def browse(self, question: str, world: World, deadline: float) -> Browsed:
        """See `Policy`."""
        from retrieval.browser.scripted import browse

        return browse(
            question,
            world,
            self._judge,
            limits=self._limits,
            effort=self._effort,
            watch=Watch(deadline=deadline),
        )


class Learned:
    """`chatapp.browsing`: a model chooses under a mask, greedily or drawn with a seed."""

    def __init__(self, generator: Generator, judge: Judge, *, seed: int | None = None) -> None:
        self._generator, self._judge, self._seed = generator, judge, seed

    def browse(self, question: str, world: World, deadline: float) -> Browsed:
        """See `Policy`."""
        from chatapp.browsing.choosing import TEMPERATURE
        from chatapp.browsing.policy import Choice, browse

        choice = Choice() if self._seed is None else Choice(TEMPERATURE, self._seed)
        return browse(
            question,
            world,
            self._generator,
            self._judge,
            watch=Watch(deadline=deadline),
            choice=choice,
        )


class ByHead:
    """`chatapp.browsing.by_head`: a head over the model chooses among offers, greedy or drawn."""

    def __init__(self, chooser: Chooser, judge: Judge, *, seed: int | None = None) -> None:
        self._chooser, self._judge, self._seed = chooser, judge, seed

    def browse(self, question: str, world: World, deadline: float) -> Browsed:
        """See `Policy`."""
        from chatapp.browsing.by_head import browse
        from chatapp.browsing.choosing import TEMPERATURE
        from chatapp.browsing.policy import Choice

        choice = Choice() if self._seed is None else Choice(TEMPERATURE, self._seed)
        watch = Watch(deadline=deadline)
        return browse(question, world, self._chooser, self._judge, watch=watch, choice=choice)
