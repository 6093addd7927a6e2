"""From what is known of the candidates to the probability that each is the round asked for.

The thing to know: the probabilities of all rounds and of "it was never said" add up to 1, so one
scale says which round is best and whether any is, whether rounds were read in context or not. The
weights are those of a softmax over the rounds of a history (listwise, Cao et al. 2007), of 1,000
rounds: those of rounds read in context are fitted on the tuning part of the benchmark and 385
written questions that the encoder was not taught with, the others on the tuning part and 103
further questions; the two scores of "never said" on the tuning part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, NamedTuple

from chatapp.memory.contexts import Likenesses
from chatapp.memory.types import Round

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN = 3  # rounds whose probabilities together are the evidence that it was said
NEVER_SAID = 7.0  # the score of "it was never said"
NEVER_SAID_IN_CONTEXT = 20.5  # the same among rounds that were read in context
HELD, LENGTH = 2.2, 1.1  # what words and length count among those
IN_TIME = 3.0  # what a round of the time that was asked about gains


class Nearness(NamedTuple):
    """What each of the `contexts.Likenesses` counts, in their order."""

    mean: float
    said_every: float
    whole_every: float
    said_terms: float
    whole_terms: float


NEAR = Nearness(8.3, 6.7, 8.1, 5.3, 7.2)


@dataclass(frozen=True)
class Features:
    """What is known of the candidates, each (rounds,).

    Attributes:
        held: weight of the question's words that the round holds, less for a long one.
        said, whole: nearness of question and what was said, and of question and round.
        near_said, near_answered: word-by-word likeness to what was said, and to the answer.
        length: how long the round is, as a logarithm.
        in_time: 1 where it is of the time that was asked about.
    """

    held: NDArray[np.float32]
    said: NDArray[np.float32]
    whole: NDArray[np.float32]
    near_said: NDArray[np.float32]
    near_answered: NDArray[np.float32]
    length: NDArray[np.float32]
    in_time: NDArray[np.float32]

    def probabilities(self) -> NDArray[np.float32]:
        """Return the probability of each round; with that of "never said" they add up to 1."""
        return _shares(
            2.7 * self.held
            + 4.3 * self.said
            + 7.5 * self.whole
            + 8.3 * self.near_said
            + 2.7 * self.near_answered
            - 1.4 * self.length
            + IN_TIME * self.in_time
            - NEVER_SAID
        )


@dataclass(frozen=True)
class ContextFeatures:
    """What is known of candidates that were read in context, each (rounds,).

    Attributes:
        held: weight of the question's words that the round holds, less for a long one.
        near: how near they are, piece by piece.
        length: how long the round is, as a logarithm.
        in_time: 1 where it is of the time that was asked about.
    """

    held: NDArray[np.float32]
    near: Likenesses
    length: NDArray[np.float32]
    in_time: NDArray[np.float32]

    def probabilities(self) -> NDArray[np.float32]:
        """Return the probability of each round; with that of "never said" they add up to 1."""
        weighed = (weight * value for weight, value in zip(NEAR, astuple(self.near), strict=True))
        return _shares(
            HELD * self.held
            + sum(weighed)
            - LENGTH * self.length
            + IN_TIME * self.in_time
            - NEVER_SAID_IN_CONTEXT
        )


def _shares(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of rounds by their scores over that of "it was never said"."""
    import numpy as np

    odds = np.exp(np.minimum(scores, 80.0))
    shares: NDArray[np.float32] = odds / (1.0 + odds.sum())
    return shares


@dataclass(frozen=True)
class Scale:
    """What scores mean: when a round is about the question, and which others are shown with it.

    Attributes:
        relevant: least evidence that anything was said about it.
        near_the_best: share of the best score that others must reach to be shown too.
        worth_telling: least score of a round that the model is told of.
        compared: rounds that the best one has to stand out from; 0 where scores are probabilities.
    """

    relevant: float
    near_the_best: float
    worth_telling: float
    compared: int = 10

    def evidence(self, found: Sequence[Round]) -> float:
        """Return how much speaks for the best rounds being about the question at all.

        Among many rounds something always is rather near: what was said stands out from the others.
        """
        if not self.compared:
            return sum(each.score for each in found[:SHOWN])
        others = [other.score for other in found[1 : self.compared + 1]]
        stands_out = found[0].score - sum(others) / max(len(others), 1)
        return found[0].score + _STANDING_OUT * stands_out


_STANDING_OUT = 2.0  # how much that counts beside its own score

# Thresholds let 96 of 100 questions of the tuning part about what was never said stay below.
PROBABILITIES = Scale(relevant=0.96, near_the_best=0.2, worth_telling=0.1, compared=0)
BY_MEANING = Scale(relevant=1.04, near_the_best=0.6, worth_telling=0.35)
BY_WORDS = Scale(relevant=1.33, near_the_best=0.6, worth_telling=0.25)
