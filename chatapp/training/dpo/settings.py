"""The recipe's `[dpo]` table."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.training.reward.settings import ComparisonSettings


@dataclass(frozen=True, kw_only=True)
class DPOSettings(ComparisonSettings):
    """How the policy learns from comparisons directly; `batch` is pairs per step.

    Args:
        beta: how dear it is to leave the reference, per nat; 0.1 in arXiv:2305.18290.
        smoothing: share of labels taken to be wrong.
    """

    beta: float = 0.1
    smoothing: float = 0.0
    matrix_lr: float = 0.0005
    embedding_lr: float = 0.0005
    head_lr: float = 0.0002
    norm_lr: float = 0.0002

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta <= 0:
            raise ValueError("beta must be above 0: without it nothing holds the policy")
        if not 0 <= self.smoothing < 0.5:
            raise ValueError("smoothing must be at least 0 and below 0.5")
