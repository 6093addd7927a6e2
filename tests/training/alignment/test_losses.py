"""Ranking, direct preferences and best-of-n against values computed by hand or by enumeration."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from chatapp.training.best_of_n import best_of_n, best_of_n_kl
from chatapp.training.dpo.loss import preference_loss
from chatapp.training.reward.loss import ranking_accuracy, ranking_loss

NAN = float("nan")


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def test_a_prompt_with_many_pairs_weighs_as_much_as_one_with_a_single_pair() -> None:
    """The loss is the sum over prompts of the mean over pairs, with the margin inside."""
    rewards = torch.tensor([[2.0, 1.0, 0.0], [0.5, 0.0, 7.0]])
    margins = torch.full((2, 3, 3), NAN)
    margins[0, 0, 1] = margins[0, 0, 2] = margins[0, 1, 2] = 0.0
    margins[1, 0, 1] = 0.25
    three = -(2 * log_sigmoid(1.0) + log_sigmoid(2.0)) / 3
    assert ranking_loss(rewards, margins).item() == pytest.approx(three - log_sigmoid(0.25))


def test_the_loss_has_a_finite_gradient_where_answers_are_missing() -> None:
    """Rewards of answers that were not compared get no gradient, and nothing becomes NaN."""
    rewards = torch.tensor([[1.0, 0.0, 3.0]], requires_grad=True)
    margins = torch.full((1, 3, 3), NAN)
    margins[0, 1, 0] = 0.0
    ranking_loss(rewards, margins).backward()
    assert rewards.grad is not None
    assert rewards.grad.isfinite().all()
    assert rewards.grad[0, 2].item() == 0


def test_accuracy_counts_pairs_of_a_prompt_and_half_for_a_tie() -> None:
    rewards = torch.tensor([[1.0, 1.0, 0.0]])
    margins = torch.full((1, 3, 3), NAN)
    margins[0, 0, 1] = margins[0, 0, 2] = 0.0
    assert ranking_accuracy(rewards, margins).tolist() == [0.75]


def test_direct_preference_loss_equals_its_formula() -> None:
    """Only what the policy changed against the reference counts."""
    one = torch.tensor([-3.0])
    found = preference_loss(one + 2, one, one, one - 1, beta=0.5)
    assert found.margin.item() == pytest.approx(0.5 * (2 - 1))
    assert found.loss.item() == pytest.approx(-log_sigmoid(0.5))
    assert found.accuracy.item() == 1.0
    untouched = preference_loss(one, one, one, one, beta=0.5)
    assert untouched.loss.item() == pytest.approx(math.log(2))


def test_smoothing_makes_an_endless_margin_dear() -> None:
    """With a tenth of wrong labels the best margin is finite: ln 9, not infinity."""
    zero = torch.zeros(1)
    losses = [
        preference_loss(torch.tensor([x]), zero, zero, zero, beta=1.0, smoothing=0.1).loss.item()
        for x in (math.log(9) - 0.5, math.log(9), math.log(9) + 0.5)
    ]
    assert losses[1] == min(losses)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_best_of_n_equals_the_mean_over_all_subsets(n: int) -> None:
    """The estimate is the average over every choice of n of the N samples, for both measures."""
    rng = torch.Generator().manual_seed(2)
    ranking, values = torch.randn(3, 5, generator=rng), torch.randn(3, 5, generator=rng)
    for row in range(3):
        subsets = list(itertools.combinations(range(5), n))
        best = [max(subset, key=lambda i: ranking[row, i].item()) for subset in subsets]
        expected = sum(values[row, i].item() for i in best) / len(best)
        assert best_of_n(ranking, values, n)[row].item() == pytest.approx(expected)


def test_best_of_more_than_was_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="best of 6 cannot be estimated from 5"):
        best_of_n(torch.zeros(1, 5), torch.zeros(1, 5), 6)


def test_the_kl_of_best_of_n_is_that_of_enumerated_choice() -> None:
    """For answers that all differ, the chosen one has density n u^(n-1) over its rank u."""
    assert best_of_n_kl(1) == 0
    steps = 20_000
    u = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    density = 4 * u**3
    assert best_of_n_kl(4) == pytest.approx((density * density.log()).mean().item(), abs=1e-4)
