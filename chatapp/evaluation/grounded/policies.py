"""The two policies, each as one call: the scripted one, and the learned one, greedy or drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from retrieval.browser.judge import Judge
from retrieval.browser.session import Browsed, Watch
from retrieval.browser.world import World

if TYPE_CHECKING:
    from chatapp.inference.generator import Generator


class Policy(Protocol):
    """Whoever chooses the actions."""

    def browse(self, question: str, world: World, deadline: float) -> Browsed:
        """Browse for one question until `deadline`, a moment of `time.monotonic()`."""
        ...


class Scripted:
    """`retrieval.browser.scripted`, as the app runs it."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def browse(self, question: str, world: World, deadline: float) -> Browsed:
        """See `Policy`."""
        from retrieval.browser.scripted import browse

        return browse(question, world, self._judge, watch=Watch(deadline=deadline))


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
