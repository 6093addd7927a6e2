"""Best of n browses: draw several, keep the one with the highest reward.

WebGPT got most of its quality this way, without more training (arXiv:2112.09332, section 3.2).
"""

from __future__ import annotations

from chatapp.browsing.policy import Choice, browse
from chatapp.inference.generator import Generator
from retrieval.browser.judge import Judge
from retrieval.browser.session import Browsed, Watch
from retrieval.browser.state import Limits
from retrieval.browser.world import World
from retrieval.quotes import DEFAULT_THRESHOLD

TEMPERATURE = 0.8  # WebGPT's
_FURTHER = 0.25  # what quotes that all support the answer add to the best one's support
_ACTION = 0.005  # what an action costs: of two browses that quote the same, the shorter one


def reward(browsed: Browsed) -> float:
    """Return how good a browse is: the support of its best quote, of its citations, its length.

    It knows nothing of the right answer, so it can choose where nobody knows it.
    """
    scores = [quote.score for quote in browsed.quotes]
    if not scores:
        return -_ACTION * browsed.actions
    supported = sum(score >= DEFAULT_THRESHOLD for score in scores) / len(scores)
    return max(scores) + _FURTHER * supported - _ACTION * browsed.actions


def draws(
    question: str,
    world: World,
    generator: Generator,
    judge: Judge,
    count: int,
    *,
    limits: Limits | None = None,
    watch: Watch | None = None,
    seed: int = 0,
) -> list[Browsed]:
    """Return `count` browses drawn at `TEMPERATURE`; a seed gives the same ones again."""
    return [
        browse(
            question,
            world,
            generator,
            judge,
            limits=limits,
            watch=watch,
            choice=Choice(TEMPERATURE, seed=(seed * count + number) * _APART),
        )
        for number in range(count)
    ]


_APART = 1_000  # seeds of one browse lie this close together: no two browses share one


def best_of(browses: list[Browsed]) -> Browsed:
    """Return the browse with the highest reward, the first of equals."""
    return max(browses, key=reward)
