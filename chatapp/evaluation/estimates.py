"""Figures with their error bars: means, ratios of sums, and what chance alone would give.

Every figure that an evaluation prints is an `Estimate`; a number without n and standard error
cannot be told from luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A figure over `n` items, its standard error, and the figure that guessing would reach."""

    mean: float
    stderr: float
    n: int
    chance: float | None = None


def estimate(values: Sequence[float], chance: float | None = None) -> Estimate | None:
    """Return the mean of `values` with its standard error; None when there are none."""
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, 0.0, 1, chance)
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return Estimate(mean, math.sqrt(variance / n), n, chance)


def ratio(
    numerators: Sequence[float], denominators: Sequence[float], chance: float | None = None
) -> Estimate | None:
    """Return sum over sum, such as bits per byte, taking each item as one draw.

    The standard error is the linearised one of a ratio estimator (Cochran 1977, section 6.4), so
    that one long document does not count as many independent tokens.
    """
    n, total = len(numerators), math.fsum(denominators)
    if total <= 0:
        return None
    value = math.fsum(numerators) / total
    if n == 1:
        return Estimate(value, 0.0, 1, chance)
    residuals = (a - value * b for a, b in zip(numerators, denominators, strict=True))
    spread = math.sqrt(math.fsum(r * r for r in residuals) / (n - 1))
    return Estimate(value, spread * math.sqrt(n) / total, n, chance)


def perplexity(log_probs: Sequence[float], chance: float | None = None) -> Estimate | None:
    """Return exp(-mean) of natural log-probabilities; its error by the delta method.

    A word of probability zero makes it infinite, and the error with it.
    """
    mean = estimate([-value for value in log_probs])
    if mean is None:
        return None
    value = math.exp(min(mean.mean, 700.0))
    return Estimate(value, value * mean.stderr, mean.n, chance)
