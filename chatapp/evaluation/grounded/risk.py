"""How well confidence tells right answers from wrong ones: AUROC, and the risk–coverage curve.

The AUROC is the chance that a right answer, drawn at random, is more confident than a wrong one,
ties counting one half (Hanley & McNeil 1982, whose standard error is used). The curve says what
share of the answers is wrong if only the most confident ones are given (El-Yaniv & Wiener 2010).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chatapp.evaluation.estimates import Estimate

COVERAGES = tuple(step / 10 for step in range(1, 11))


def auroc(confidences: Sequence[float], right: Sequence[bool]) -> Estimate | None:
    """Return the AUROC with chance 0.5; None where all answers are right, or all wrong."""
    good = sorted(c for c, r in zip(confidences, right, strict=True) if r)
    bad = sorted(c for c, r in zip(confidences, right, strict=True) if not r)
    if not good or not bad:
        return None
    area = sum(_above(bad, confidence) for confidence in good) / (len(good) * len(bad))
    return Estimate(area, _error(area, len(good), len(bad)), len(good) + len(bad), 0.5)


def _above(ordered: Sequence[float], value: float) -> float:
    """Count the values below `value`, equal ones by half."""
    from bisect import bisect_left, bisect_right

    below, up_to = bisect_left(ordered, value), bisect_right(ordered, value)
    return below + (up_to - below) / 2


def _error(area: float, good: int, bad: int) -> float:
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (good - 1) * (q1 - area**2) + (bad - 1) * (q2 - area**2)
    return math.sqrt(max(0.0, spread) / (good * bad))


def risk_coverage(
    confidences: Sequence[float], right: Sequence[bool], asked: int
) -> list[tuple[float, float]]:
    """Return (coverage, risk) in tenths of all questions, the most confident answers first.

    Args:
        confidences: of the answers that were given.
        right: whether each of them is.
        asked: how many questions there were; the curve ends where no more were answered.
    """
    order = sorted(range(len(right)), key=lambda place: -confidences[place])
    curve = []
    for coverage in COVERAGES:
        count = math.ceil(coverage * asked)
        if count > len(order) or not count:
            break
        curve.append((coverage, sum(not right[place] for place in order[:count]) / count))
    return curve


def kappa(first: Sequence[bool], second: Sequence[bool]) -> Estimate | None:
    """Return Cohen's kappa of two raters: agreement beyond chance, 1 at most; None without items.

    The standard error is Cohen's own (1960), sqrt(p (1 - p) / (n (1 - e)^2)).
    """
    n = len(first)
    if not n:
        return None
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    ones, others = sum(first) / n, sum(second) / n
    expected = ones * others + (1 - ones) * (1 - others)
    if expected == 1:
        return Estimate(1.0, 0.0, n, 0.0)
    error = math.sqrt(agreed * (1 - agreed) / (n * (1 - expected) ** 2))
    return Estimate((agreed - expected) / (1 - expected), error, n, 0.0)
