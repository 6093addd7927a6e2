"""The clipped losses of PPO (arXiv:1707.06347), pure functions of tensors over answer tokens.

All tensors are float32 (B, T), `mask` bool (B, T); losses are means over the unmasked tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from chatapp.training.ppo.estimators import masked_mean


class PolicyLoss(NamedTuple):
    """The loss and what shows that an update is healthy, all scalars.

    `ratio` is the mean probability ratio (about 1), `clipped` the share of tokens whose gradient
    the clip took away, `divergence` k3 of the update's own start from its present.
    """

    loss: Tensor
    ratio: Tensor
    clipped: Tensor
    divergence: Tensor


def policy_loss(
    logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, clip: float
) -> PolicyLoss:
    """The clipped surrogate: `-min(r A, clip(r, 1 - e, 1 + e) A)`, r the probability ratio."""
    log_ratio = torch.where(mask, logprobs - old, 0.0)
    ratio = log_ratio.exp()
    plain = -advantages * ratio
    bounded = -advantages * ratio.clamp(1 - clip, 1 + clip)
    with torch.no_grad():
        clipped = masked_mean((bounded > plain).float(), mask)
        divergence = masked_mean(ratio - 1 - log_ratio, mask)
    return PolicyLoss(
        masked_mean(torch.maximum(plain, bounded), mask),
        masked_mean(ratio.detach(), mask),
        clipped,
        divergence,
    )


def value_loss(values: Tensor, old: Tensor, returns: Tensor, mask: Tensor, clip: float) -> Tensor:
    """Half the squared error, where moving more than `clip` from the old value gains nothing."""
    bounded = old + (values - old).clamp(-clip, clip)
    worst = torch.maximum((values - returns) ** 2, (bounded - returns) ** 2)
    return 0.5 * masked_mean(worst, mask)
