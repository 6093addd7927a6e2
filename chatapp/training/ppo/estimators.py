"""What PPO computes from roll-outs: KL estimates, advantages, whitening, the KL controller.

All tensors are float32 (B, T) over the tokens of the answers; `mask` is bool (B, T) and False on
padding, where results are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the unmasked entries."""
    return (x * mask).sum() / mask.sum()


def k1(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Per-token estimate of KL(policy || reference) from tokens of the policy: unbiased, noisy.

    Single values, and means over few tokens, can be negative (Schulman 2020, "Approximating KL").
    """
    return logprobs - reference


def k3(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Per-token estimate of the same KL: unbiased, never negative, less noisy.

    `exp(-k1) - 1 + k1`: the bracket has mean 0 under the policy, and the whole is a convex
    function's distance from its tangent (Schulman 2020).
    """
    return torch.expm1(reference - logprobs) - (reference - logprobs)


class Advantages(NamedTuple):
    """`advantages` for the policy and `returns`, the targets of the value model."""

    advantages: Tensor
    returns: Tensor


def generalised_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lam: float
) -> Advantages:
    """Generalised advantage estimation (arXiv:1506.02438), backwards over each answer.

    Args:
        rewards: what each token earned.
        values: the value model's estimate before each token.
        mask: contiguous in each row; after its last token an answer is worth nothing more.
        gamma: discount; 1 for answers of bounded length.
        lam: 1 trusts the rewards alone, 0 the value of the next state.
    """
    advantages = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])
    next_value = torch.zeros_like(following)
    for place in reversed(range(rewards.shape[1])):
        inside = mask[:, place]
        surprise = rewards[:, place] + gamma * next_value - values[:, place]
        following = torch.where(inside, surprise + gamma * lam * following, 0.0)
        next_value = torch.where(inside, values[:, place], 0.0)
        advantages[:, place] = following
    return Advantages(advantages, (advantages + values) * mask)


def whiten(x: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale to mean 0 and variance 1 over the unmasked entries."""
    mean = masked_mean(x, mask)
    variance = masked_mean((x - mean) ** 2, mask)
    return (x - mean) * torch.rsqrt(variance + 1e-8) * mask


@dataclass
class KLController:
    """The coefficient of the KL penalty; adaptive when `target` is above 0.

    The adaptive rule moves the coefficient so that KL approaches `target` nats an answer: by at
    most a fifth of `samples / horizon` an update (Ziegler et al., arXiv:1909.08593, section 2.2).
    """

    coefficient: float
    target: float
    horizon: float

    def update(self, kl: float, samples: int) -> None:
        """Adapt to the mean KL (nats an answer) of a batch of `samples` answers."""
        if self.target > 0:
            error = min(max(kl / self.target - 1.0, -0.2), 0.2)
            self.coefficient *= 1.0 + error * samples / self.horizon
