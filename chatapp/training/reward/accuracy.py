"""How often a reward model agrees with held-out comparisons, by source, with standard errors.

Pairs of one prompt share answers and are not independent, so errors are those of a ratio of sums
over prompts (Cochran 1977, section 6.3; "clustered" standard errors).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from chatapp.training.reward.data import EncodedPrompt

ALL = "all"


@dataclass(frozen=True)
class Accuracy:
    """Share of `pairs` (over `prompts`) that are ranked as people ranked them."""

    accuracy: float
    stderr: float
    pairs: int
    prompts: int


def accuracy_by_source(
    prompts: Sequence[EncodedPrompt], rewards: Sequence[Sequence[float]]
) -> dict[str, Accuracy]:
    """Measure every source and `all` of them together.

    Args:
        rewards: for each prompt the rewards of its answers, or any other score to rank them by.
    """
    tallies: dict[str, dict[str, list[float]]] = {}
    for encoded, scores in zip(prompts, rewards, strict=True):
        right = sum(
            1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0
            for i, j, _ in encoded.prompt.pairs
        )
        for source in (ALL, encoded.prompt.source):
            tally = tallies.setdefault(source, {}).setdefault(encoded.prompt.key, [0.0, 0.0])
            tally[0] += right
            tally[1] += len(encoded.prompt.pairs)
    return {source: _ratio(list(tally.values())) for source, tally in tallies.items()}


def length_accuracy(prompts: Sequence[EncodedPrompt]) -> dict[str, Accuracy]:
    """What preferring the longer answer would reach: the bias a reward model likes best."""
    lengths = [[float(len(answer.ids)) for answer in prompt.answers] for prompt in prompts]
    return accuracy_by_source(prompts, lengths)


def grouped(prompts: Sequence[EncodedPrompt], rewards: Tensor) -> list[list[float]]:
    """Cut the rewards of all answers, in order, into those of each prompt."""
    sizes = [len(prompt.answers) for prompt in prompts]
    return [part.tolist() for part in rewards.split(sizes)]


def separation(model: Mapping[str, Accuracy], control: Mapping[str, Accuracy]) -> float:
    """How many standard errors of their difference the model lies above its control."""
    a, b = model[ALL], control[ALL]
    error = math.hypot(a.stderr, b.stderr)
    return (a.accuracy - b.accuracy) / error if error else math.inf


def _ratio(tallies: Sequence[Sequence[float]]) -> Accuracy:
    pairs = sum(count for _, count in tallies)
    share = sum(right for right, _ in tallies) / pairs
    clusters = len(tallies)
    squares = sum((right - share * count) ** 2 for right, count in tallies)
    inflation = clusters / (clusters - 1) if clusters > 1 else math.nan
    return Accuracy(share, math.sqrt(inflation * squares) / pairs, int(pairs), clusters)
