"""Scaling laws: fit the losses of small models, predict that of a large one, with an interval.

    L(C) = E + a (C / C0)^-b

along a ladder of models that see the same number of tokens per weight, where C is the training
compute (arXiv:2001.08361; with a floor E as in arXiv:2203.15556). Few points and three unknowns:
the exponent is searched on a grid within what has ever been measured for language models, E and a
follow by least squares. A model that reads its data several times learns less from each further
reading, which `repeated` corrects for (arXiv:2305.16264).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_EXPONENTS = np.linspace(0.02, 0.40, 77)  # of compute; published fits lie between 0.05 and 0.3
_REPEAT_DECAY = 15.4  # R*_D of arXiv:2305.16264, table 1: readings after which data are used up
_DRAWS = 2000


@dataclass(frozen=True)
class Point:
    """One trained model: `compute` in FLOPs and the loss it reached."""

    compute: float
    loss: float


@dataclass(frozen=True)
class Law:
    """L = floor + scale (compute / reference)^-exponent."""

    floor: float
    scale: float
    exponent: float
    reference: float

    def __call__(self, compute: float) -> float:
        """Return the loss at a training compute, for data read once."""
        return self.floor + self.reducible(compute)

    def reducible(self, compute: float) -> float:
        """Return the part of the loss that more compute takes away."""
        return float(self.scale * (compute / self.reference) ** -self.exponent)


@dataclass(frozen=True)
class Prediction:
    """A predicted loss and the interval that held `level` of the bootstrap's predictions."""

    loss: float
    low: float
    high: float
    level: float
    law: Law


def fit(points: Sequence[Point]) -> Law:
    """Return the law with the least squared error in the loss.

    Raises:
        ValueError: fewer than three sizes.
    """
    compute, losses = _columns(points)
    reference = float(np.exp(np.log(compute).mean()))
    floor, scale, exponent = _least_squares(compute / reference, losses[None, :])
    return Law(float(floor[0]), float(scale[0]), float(exponent[0]), reference)


def predict(
    points: Sequence[Point],
    compute: float,
    *,
    noise: float,
    tokens: float,
    unique: float,
    level: float = 0.9,
    seed: int = 0,
) -> Prediction:
    """Predict the loss at `compute` from the ladder's points.

    The interval is a parametric bootstrap: the fitted curve plus normal noise is fitted anew, and
    each draw's prediction gets noise of its own. The noise is what the points leave unexplained,
    and at least `noise`.

    Args:
        noise: standard deviation of the loss over seeds.
        tokens: tokens the predicted model reads, of which `unique` are different ones.
        level: share of draws inside the interval.
    """
    law = fit(points)
    xs, losses = _columns(points)
    fitted = np.array([law(x) for x in xs])
    spread = math.sqrt(float(((losses - fitted) ** 2).sum()) / max(1, len(points) - 3))
    spread = max(spread, noise)
    random = np.random.default_rng(seed)
    draws = fitted + random.normal(0, spread, (_DRAWS, len(points)))
    floors, scales, exponents = _least_squares(xs / law.reference, draws)
    reducible = scales * (compute / law.reference) ** -exponents
    drawn = floors + reducible * _repeat_factor(exponents, tokens, unique)
    drawn += random.normal(0, spread, _DRAWS)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    factor = float(_repeat_factor(np.array([law.exponent]), tokens, unique)[0])
    loss = law.floor + law.reducible(compute) * factor
    return Prediction(loss, float(low), float(high), level, law)


def effective_tokens(tokens: float, unique: float) -> float:
    """Return how many fresh tokens are worth `tokens` read from `unique` different ones.

    D' = U + U R* (1 - exp(-R / R*)), R the readings after the first (arXiv:2305.16264, eq. 5).
    """
    if tokens <= unique:
        return tokens
    repeats = tokens / unique - 1
    return unique + unique * _REPEAT_DECAY * (1 - math.exp(-repeats / _REPEAT_DECAY))


def _repeat_factor(exponents: Floats, tokens: float, unique: float) -> Floats:
    """Return by how much repetition raises the reducible loss.

    Along a ladder of constant tokens per weight half of the reducible loss is owed to too few
    tokens (the optimum of arXiv:2203.15556), and as C grows with D squared, its exponent in D is
    twice the one in C.
    """
    starved = tokens / effective_tokens(tokens, unique)
    factors: Floats = 0.5 + 0.5 * starved ** (2 * exponents)
    return factors


def _columns(points: Sequence[Point]) -> tuple[Floats, Floats]:
    if len({point.compute for point in points}) < 3:
        raise ValueError("a scaling law needs at least three sizes")
    compute = np.array([point.compute for point in points], dtype=np.float64)
    return compute, np.array([point.loss for point in points], dtype=np.float64)


def _least_squares(xs: Floats, losses: Floats) -> tuple[Floats, Floats, Floats]:
    """Fit many rows of losses over the same `xs`; return floor, scale and exponent of each.

    For each exponent of the grid the other two follow from linear least squares; a negative floor
    or scale is no law, and counts as zero.
    """
    best = np.full(len(losses), np.inf)
    found = np.zeros((3, len(losses)))
    for exponent in _EXPONENTS:
        powers = xs**-exponent
        centred = powers - powers.mean()
        scale = np.maximum(losses @ centred / (centred @ centred), 0.0)
        floor = losses.mean(1) - scale * powers.mean()
        bare = losses @ powers / (powers @ powers)
        scale = np.where(floor < 0, bare, scale)
        floor = np.maximum(floor, 0.0)
        error = ((losses - floor[:, None] - scale[:, None] * powers) ** 2).sum(1)
        better = error < best
        best = np.where(better, error, best)
        found[:, better] = np.stack([floor, scale, np.full(len(losses), exponent)])[:, better]
    return found[0], found[1], found[2]
