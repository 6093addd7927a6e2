"""The arithmetic of PPO against plain loops and exact values on small distributions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from chatapp.training.ppo.estimators import (
    KLController,
    generalised_advantages,
    k1,
    k3,
    masked_mean,
    whiten,
)
from chatapp.training.ppo.losses import policy_loss, value_loss

SEED = 5


def random_answers(rows: int = 6, length: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    """Rewards, values and a mask whose rows begin and end at different places."""
    rng = torch.Generator().manual_seed(SEED)
    rewards = torch.randn(rows, length, generator=rng)
    values = torch.randn(rows, length, generator=rng)
    mask = torch.zeros(rows, length, dtype=torch.bool)
    for row in range(rows):
        mask[row, row % 3 : length - row % 4] = True
    return rewards * mask, values * mask, mask


def advantages_by_loop(
    rewards: list[float], values: list[float], gamma: float, lam: float
) -> list[float]:
    """The definition: the sum of (gamma lambda)^k times the surprises from here on."""
    count = len(rewards)
    surprises = [
        rewards[i] + gamma * (values[i + 1] if i + 1 < count else 0.0) - values[i]
        for i in range(count)
    ]
    return [
        sum((gamma * lam) ** (j - i) * surprises[j] for j in range(i, count)) for i in range(count)
    ]


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (1.0, 1.0), (0.9, 0.0), (0.99, 0.5)])
def test_advantages_equal_their_definition(gamma: float, lam: float) -> None:
    """GAE agrees with the plain double sum on every answer, and is 0 outside the answers."""
    rewards, values, mask = random_answers()
    found = generalised_advantages(rewards, values, mask, gamma=gamma, lam=lam)
    for row in range(len(mask)):
        inside = mask[row]
        expected = advantages_by_loop(
            rewards[row, inside].tolist(), values[row, inside].tolist(), gamma, lam
        )
        assert found.advantages[row, inside].tolist() == pytest.approx(expected, abs=1e-5)
    assert (found.advantages[~mask] == 0).all()
    assert torch.allclose(found.returns, (found.advantages + values) * mask)


def test_whitening_gives_mean_0_and_variance_1_over_real_tokens() -> None:
    """Padding neither counts nor changes."""
    rewards, _, mask = random_answers()
    found = whiten(rewards * 7 + 3, mask)
    assert found[mask].mean().item() == pytest.approx(0.0, abs=1e-5)
    assert found[mask].var(correction=0).item() == pytest.approx(1.0, abs=1e-4)
    assert (found[~mask] == 0).all()


def test_both_kl_estimates_agree_with_the_exact_kl() -> None:
    """On a small distribution the means of k1 and k3 lie within 4 standard errors of the KL."""
    rng = torch.Generator().manual_seed(SEED)
    policy = torch.tensor([0.5, 0.2, 0.2, 0.1])
    reference = torch.tensor([0.3, 0.3, 0.1, 0.3])
    exact = (policy * (policy / reference).log()).sum().item()
    tokens = torch.multinomial(policy, 50_000, replacement=True, generator=rng)
    for estimate in (k1, k3):
        values = estimate(policy.log()[tokens], reference.log()[tokens])
        error = values.std().item() / len(values) ** 0.5
        assert abs(values.mean().item() - exact) < 4 * error
    values = k3(policy.log()[tokens], reference.log()[tokens])
    assert (values >= 0).all()
    assert k3(policy.log(), policy.log()).abs().max().item() < 1e-6


def test_the_adaptive_penalty_follows_the_kl_and_a_fixed_one_stays() -> None:
    """Too much KL makes it dearer, too little cheaper, by at most a fifth of samples / horizon."""
    controller = KLController(0.1, target=2.0, horizon=100)
    controller.update(50.0, 10)
    assert controller.coefficient == pytest.approx(0.1 * 1.02)
    controller.update(0.0, 10)
    assert controller.coefficient == pytest.approx(0.1 * 1.02 * 0.98)
    fixed = KLController(0.1, target=0.0, horizon=100)
    fixed.update(50.0, 10)
    assert fixed.coefficient == 0.1


def gradient_of_policy(log_ratio: float, advantage: float, clip: float = 0.2) -> float:
    logprobs = torch.tensor([[log_ratio]], requires_grad=True)
    mask = torch.ones(1, 1, dtype=torch.bool)
    loss = policy_loss(logprobs, torch.zeros(1, 1), torch.tensor([[advantage]]), mask, clip).loss
    (gradient,) = torch.autograd.grad(loss, logprobs)
    return gradient.item()


@pytest.mark.parametrize(
    ("ratio", "advantage", "moves"),
    [
        (1.0, 1.0, True),
        (1.19, 1.0, True),
        (1.21, 1.0, False),
        (0.5, 1.0, True),
        (0.81, -1.0, True),
        (0.79, -1.0, False),
        (1.5, -1.0, True),
    ],
)
def test_the_clip_stops_the_policy_exactly_at_its_bounds(
    ratio: float, advantage: float, moves: bool
) -> None:
    """Beyond 1 ± clip in the direction that pays, the gradient is 0; coming back is never cut."""
    gradient = gradient_of_policy(torch.tensor(ratio).log().item(), advantage)
    assert (gradient != 0) is moves


def test_policy_loss_reports_ratio_and_clipped_share_of_real_tokens() -> None:
    """Padding does not count."""
    logprobs = torch.tensor([[0.0, 1.0, 9.0]])
    mask = torch.tensor([[True, True, False]])
    found = policy_loss(logprobs, torch.zeros(1, 3), torch.ones(1, 3), mask, 0.2)
    assert found.ratio.item() == pytest.approx((1 + torch.e) / 2)
    assert found.clipped.item() == 0.5
    assert found.divergence.item() == pytest.approx((torch.e - 2) / 2)
    assert found.loss.item() == pytest.approx(-(1 + 1.2) / 2)


def test_the_value_clip_takes_the_worse_error() -> None:
    """A value that ran on beyond the clip from its old one is pulled back only."""
    values = torch.tensor([[2.0, 0.1]], requires_grad=True)
    mask = torch.ones(1, 2, dtype=torch.bool)
    returns = torch.tensor([[2.0, 1.0]])
    loss = value_loss(values, torch.zeros(1, 2), returns, mask, 0.2)
    assert loss.item() == pytest.approx(0.5 * ((0.2 - 2.0) ** 2 + (0.1 - 1.0) ** 2) / 2)
    (gradient,) = torch.autograd.grad(loss, values)
    assert gradient[0, 0].item() == 0  # clipped: going on towards the return gains nothing
    assert gradient[0, 1].item() < 0


def test_masked_mean_ignores_padding() -> None:
    x, mask = torch.tensor([[1.0, 3.0, 100.0]]), torch.tensor([[True, True, False]])
    assert masked_mean(x, mask).item() == 2.0
