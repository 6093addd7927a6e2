"""Best-of-n: draw n answers, keep the one the reward model likes best. PPO's baseline to beat.

What it reaches for every n up to N is estimated from N samples of each prompt, without drawing
again and without bias (arXiv:2112.09332, appendix I).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def best_of_n(ranking: Tensor, values: Tensor, n: int) -> Tensor:
    """Estimate the mean of `values` over the answer that `ranking` puts first among n.

    Every subset of n of the N samples is equally likely; the sample with i - 1 samples below it is
    the best of C(i - 1, n - 1) of the C(N, n) subsets.

    Args:
        ranking: what chooses, float (P, N): N samples of each of P prompts.
        values: what is measured on the chosen one, float (P, N); the same tensor for the reward
            that chooses.
        n: answers drawn, 1 <= n <= N.

    Returns:
        One unbiased estimate a prompt, float64 (P,).

    Raises:
        ValueError: n lies outside 1..N.
    """
    drawn = ranking.shape[1]
    if not 1 <= n <= drawn:
        raise ValueError(f"best of {n} cannot be estimated from {drawn} samples a prompt")
    weights = torch.tensor(
        [math.comb(below, n - 1) / math.comb(drawn, n) for below in range(drawn)],
        dtype=torch.float64,
    )
    order = ranking.argsort(dim=1)
    return values.double().gather(1, order) @ weights.to(values.device)


def best_of_n_kl(n: int) -> float:
    """Return log n - (n - 1) / n, the KL divergence in nats of best-of-n from its policy.

    Exact where no two answers are equal, and an upper bound otherwise (arXiv:2401.01879).
    """
    return math.log(n) - (n - 1) / n
