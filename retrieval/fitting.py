"""The fits behind scores: logistics of candidates and of questions, and how right they come out.

The thing to know: every fit is drawn towards weights that are expected, so that what hardly occurs
in the questions keeps the weight it had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.reading.judging import Said, of_question

_RIDGE = 1.0  # towards what is expected

Array = NDArray[np.float64]
Group = tuple[Array, Array]
"""Features (candidates, features) and labels (candidates,) of one question."""


def fit_logistic(features: Array, labels: Array, expected: Array, steps: int = 30) -> Array:
    """Return weights, bias last, by Newton's method, drawn towards the `expected` ones.

    So a feature that hardly occurs in the questions ("What is X?") keeps the weight it had.
    """
    design = np.hstack([features, np.ones((len(features), 1))])
    prior = np.append(expected, 0.0)
    weights = np.zeros_like(prior)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(design @ weights)))
        gradient = design.T @ (labels - p) - _RIDGE * (weights - prior)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(curvature, gradient)
    return weights


def fit_scores(data: Sequence[Group], expected: Array) -> tuple[Array, float]:
    """Return (feature weights, bias): fitted on all candidates, scaled on each group's best."""
    features, labels = (np.concatenate(column) for column in zip(*data, strict=True))
    raw = fit_logistic(features, labels, expected)
    tops = [int(np.argmax(features @ raw[:-1])) for features, _ in data]
    best = np.array(
        [[features[top] @ raw[:-1]] for (features, _), top in zip(data, tops, strict=True)]
    )
    right = np.array([labels[top] for (_, labels), top in zip(data, tops, strict=True)])
    scale, bias = fit_logistic(best, right, np.ones(1))
    return raw[:-1] * scale, float(bias)


def fit_which(data: Sequence[Group], expected: Array) -> Array:
    """Return the weights by which right sentences are likeliest among those of their question.

    A conditional logit (McFadden 1974), drawn towards the `expected` weights.
    """
    import torch

    groups = [
        (torch.from_numpy(features), torch.from_numpy(labels > 0))
        for features, labels in data
        if labels.any()
    ]
    prior = torch.from_numpy(expected)
    weights = prior.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        total = _RIDGE * (weights - prior).square().sum()
        for features, right in groups:
            likely = features @ weights
            total = total + likely.logsumexp(0) - likely[right].logsumexp(0)
        total.backward()
        return total

    optimiser.step(loss)
    return weights.detach().numpy()


def told_of(features: Array, which: Array) -> tuple[Array, int]:
    """Return what tells whether a question is answered, and which sentence is the best."""
    likely = features @ which
    heard = [Said(*row[-len(Said._fields) :]) for row in features]
    return np.array(of_question(likely.tolist(), heard)), int(likely.argmax())


def fit_whether(data: Sequence[Group], which: Array) -> Array:
    """Return weights, bias last, of whether the best sentence of a question is right."""
    told = [(told_of(features, which), labels) for features, labels in data]
    right = np.array([labels[best] for (_, best), labels in told])
    return fit_logistic(
        np.array([one for (one, _), _ in told]), right, np.zeros(len(told[0][0][0]))
    )


def threshold_table(data: Sequence[Group], best: Sequence[int], scores: Array) -> Iterator[str]:
    """Yield, per threshold, how often a best candidate is shown and how often that is right."""
    right = np.array([labels[b] for (_, labels), b in zip(data, best, strict=True)])
    possible = np.array([labels.max() for _, labels in data])
    for threshold in np.arange(0.1, 0.75, 0.05):
        shown = scores >= threshold
        precision = right[shown].mean() if shown.any() else float("nan")
        answered = shown[possible > 0].mean()
        refused = (~shown[possible == 0]).mean()
        yield (
            f"threshold {threshold:.2f}: answered {answered:.2f} of the answerable, refused "
            f"{refused:.2f} of the others, {precision:.2f} of the shown hold the answer"
        )


def first_right(data: Sequence[Group], best: Sequence[int]) -> float:
    """Return how often the best candidate is right where one of them is."""
    pairs = zip(data, best, strict=True)
    return float(np.mean([labels[place] for (_, labels), place in pairs if labels.any()]))
