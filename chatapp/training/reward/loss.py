"""Pairwise ranking of answers (Bradley and Terry 1952; arXiv:2203.02155, section 3.5).

The comparisons of G prompts with up to K answers each are one tensor `margins`, float32 (G, K, K):
entry (g, i, j) is the least difference of rewards wanted where answer i of prompt g was preferred
to answer j (0 for a plain preference), and NaN where they were not compared.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def ranking_loss(rewards: Tensor, margins: Tensor) -> Tensor:
    """Sum over prompts of the mean over a prompt's pairs of `-log sigmoid(r_i - r_j - margin)`.

    InstructGPT divides by the number of pairs of each prompt, so that a prompt with many ranked
    answers weighs no more than one with two. The margin of graded pairs is that of arXiv:2307.09288
    (section 3.2.2).

    Args:
        rewards: float32 (G, K); what stands in the place of a missing answer plays no part.
        margins: see the module's docstring; every prompt has at least one pair.
    """
    compared = ~margins.isnan()
    difference = rewards[:, :, None] - rewards[:, None, :]
    losses = -functional.logsigmoid(difference - margins.nan_to_num())
    pairs = compared.sum(dim=(1, 2))
    return (torch.where(compared, losses, 0.0).sum(dim=(1, 2)) / pairs).sum()


def ranking_accuracy(rewards: Tensor, margins: Tensor) -> Tensor:
    """Return each prompt's share of pairs whose winner has the higher reward; a tie is a half."""
    compared = ~margins.isnan()
    difference = rewards[:, :, None] - rewards[:, None, :]
    right = (difference > 0).float() + 0.5 * (difference == 0).float()
    return torch.where(compared, right, 0.0).sum(dim=(1, 2)) / compared.sum(dim=(1, 2))
