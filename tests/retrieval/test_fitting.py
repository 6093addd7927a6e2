"""The fits find what made the data, and keep what was expected where the data says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.fitting import Group, first_right, fit_logistic, fit_scores, fit_whether, fit_which
from retrieval.reading.judging import Said

_HEARD = len(Said._fields)


def groups(count: int, seed: int = 0) -> list[Group]:
    """Return questions of six candidates; one that has much of the first feature is right.

    What the reader says of the passage ("answered", last column) says whether one is right at all.
    """
    draw = np.random.default_rng(seed)
    made = []
    for number in range(count):
        features = draw.normal(size=(6, 1 + _HEARD))
        features[:, -1] = 1.0 if number % 2 else -1.0
        labels = np.zeros(6)
        if number % 2:
            labels[features[:, 0].argmax()] = 1.0
        made.append((features, labels))
    return made


def test_which_is_learnt_from_the_other_candidates_of_a_question() -> None:
    """The one feature that sets the right candidate apart outweighs all others together."""
    which = fit_which(groups(200), np.zeros(1 + _HEARD))
    assert which[0] > 2 * np.abs(which[1:]).sum()
    fresh = groups(100, seed=1)
    places = [int((features @ which).argmax()) for features, _ in fresh]
    assert first_right(fresh, places) > 0.9


def test_whether_is_learnt_from_what_the_reader_says_of_the_passages() -> None:
    """The weights of "answered" decide, whatever the best candidate's own score is."""
    data = groups(200)
    which = np.eye(1 + _HEARD)[0]
    weights = fit_whether(data, which)
    of_best, answered, most_answered, *_ = weights
    assert answered + most_answered > 3 * abs(of_best)


def test_a_feature_that_never_varies_keeps_the_weight_that_was_expected() -> None:
    """So a kind of question that the data lacks is judged as before."""
    data = groups(200)
    for features, _ in data:
        features[:, 2] = 0.0
    expected = np.zeros(1 + _HEARD)
    expected[2] = 1.5
    assert fit_which(data, expected)[2] == pytest.approx(1.5)
    features = np.concatenate([each for each, _ in data])
    labels = np.concatenate([each for _, each in data])
    assert fit_logistic(features, labels, expected)[2] == pytest.approx(1.5, abs=1e-6)


def test_scores_of_the_best_are_probabilities() -> None:
    """On fresh questions the mean score of the best candidate is the share of right ones."""
    weights, bias = fit_scores(groups(300), np.zeros(1 + _HEARD))
    fresh = groups(300, seed=1)
    best = [(features @ weights).argmax() for features, _ in fresh]
    logits = [f[b] @ weights + bias for (f, _), b in zip(fresh, best, strict=True)]
    right = [labels[b] for (_, labels), b in zip(fresh, best, strict=True)]
    assert np.mean(1 / (1 + np.exp(-np.array(logits)))) == pytest.approx(np.mean(right), abs=0.08)
