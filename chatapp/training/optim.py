"""Optimisers and schedule: Muon for the matrices in the blocks, AdamW for everything else.

Muon (Jordan et al. 2024, torch.optim.Muon) orthogonalises the momentum of 2-D weights and needs
about 1.7 times fewer steps than AdamW at this scale; tables and norms stay with AdamW.
"""

from __future__ import annotations

import torch
from torch.optim import Optimizer

from chatapp.model.gpt import GPT
from chatapp.training.recipe import StageRecipe


class Optimisers:
    """The stage's optimisers driven as one."""

    def __init__(self, model: GPT, stage: StageRecipe) -> None:
        matrices = [weight for weight in model.blocks.parameters() if weight.ndim == 2]
        # a tied head is the embedding and learns at its rate
        heads = [] if model.config.tie_embeddings else [model.head.weight]
        norms = [weight for weight in model.parameters() if weight.ndim == 1]
        self.all: list[Optimizer] = [
            torch.optim.Muon(
                matrices,
                lr=stage.matrix_lr,
                weight_decay=stage.weight_decay,
                momentum=0.95,
            ),
            torch.optim.AdamW(
                [
                    {"params": [model.embedding.weight], "lr": stage.embedding_lr},
                    {"params": heads, "lr": stage.head_lr},
                    {"params": norms, "lr": stage.norm_lr},
                ],
                betas=(0.8, 0.95),
                eps=1e-10,
                weight_decay=0.0,
                fused=True,
            ),
        ]
        self._base = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.all]

    def step(self, multiplier: float) -> None:
        """Apply the gradients at `multiplier` times the recipe's rates, then clear them."""
        for optimiser, rates in zip(self.all, self._base, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * multiplier
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, object]]:
        """Return the state of all optimisers."""
        return [optimiser.state_dict() for optimiser in self.all]

    def load_state_dict(self, states: list[dict[str, object]]) -> None:
        """Restore what `state_dict` returned."""
        for optimiser, state in zip(self.all, states, strict=True):
            optimiser.load_state_dict(state)


def lr_multiplier(progress: float, stage: StageRecipe) -> float:
    """Return the rate multiplier at `progress` (0 to 1): warm up, hold, fall linearly."""
    if progress < stage.warmup:
        return max(progress / stage.warmup, 0.01)
    falling = 1.0 - stage.warmdown
    if progress <= falling:
        return 1.0
    remaining = max(0.0, 1.0 - progress) / stage.warmdown
    return stage.final_lr + (1.0 - stage.final_lr) * remaining
