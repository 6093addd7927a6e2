"""Optimisers and schedule: Muon for the matrices in the blocks, AdamW for everything else.

Muon (Jordan et al. 2024, torch.optim.Muon) orthogonalises the momentum of 2-D weights and needs
about 1.7 times fewer steps than AdamW at this scale; tables, heads and norms stay with AdamW.
States are kept by parameter name and whole, so a checkpoint knows nothing of how many processes
wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from chatapp.training.distributed import like, whole
from chatapp.training.muon import ShardedMuon
from chatapp.training.recipe import StageRecipe


class Optimisers:
    """The optimisers of a model's trainable parameters, driven as one."""

    def __init__(self, model: nn.Module, settings: StageRecipe) -> None:
        self._names: dict[Tensor, str] = {
            p: name for name, p in model.named_parameters() if p.requires_grad
        }
        groups = _groups(self._names)
        self.all: list[Optimizer] = []
        if groups["matrix"]:
            sharded = isinstance(groups["matrix"][0], DTensor)
            muon = ShardedMuon if sharded else torch.optim.Muon
            self.all.append(
                muon(
                    groups["matrix"],
                    lr=settings.matrix_lr,
                    weight_decay=settings.weight_decay,
                    momentum=0.95,
                )
            )
        tables = [
            {"params": groups[kind], "lr": rate}
            for kind, rate in (
                ("embedding", settings.embedding_lr),
                ("head", settings.head_lr),
                ("norm", settings.norm_lr),
            )
            if groups[kind]
        ]
        if tables:
            self.all.append(
                torch.optim.AdamW(
                    tables, betas=(0.8, 0.95), eps=1e-10, weight_decay=0.0, fused=True
                )
            )
        self._base = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.all]

    def step(self, multiplier: float) -> None:
        """Apply the gradients at `multiplier` times the recipe's rates, then clear them."""
        for optimiser, rates in zip(self.all, self._base, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * multiplier
            optimiser.step()
        self.clear()

    def clear(self) -> None:
        """Forget the gradients."""
        for optimiser in self.all:
            optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Return what the optimisers remember of each parameter, by the parameter's name."""
        return {
            self._names[parameter]: {key: whole(value) for key, value in state.items()}
            for optimiser in self.all
            for parameter, state in optimiser.state.items()
        }

    def load_state_dict(self, states: dict[str, dict[str, Tensor]]) -> None:
        """Restore what `state_dict` returned, on however many processes."""
        for optimiser in self.all:
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    state = states.get(self._names[parameter], {})
                    optimiser.state[parameter] = {
                        key: _placed(value, parameter) for key, value in state.items()
                    }


def lr_multiplier(progress: float, stage: StageRecipe) -> float:
    """Return the rate multiplier at `progress` (0 to 1): warm up, hold, fall linearly."""
    if progress < stage.warmup:
        return max(progress / stage.warmup, 0.01)
    falling = 1.0 - stage.warmdown
    if progress <= falling:
        return 1.0
    remaining = max(0.0, 1.0 - progress) / stage.warmdown
    return stage.final_lr + (1.0 - stage.final_lr) * remaining


def _groups(names: Mapping[Tensor, str]) -> dict[str, list[Tensor]]:
    """Sort parameters by the optimiser and the rate that suit them."""
    groups: dict[str, list[Tensor]] = {"matrix": [], "embedding": [], "head": [], "norm": []}
    for parameter, name in names.items():
        groups[_kind(name, parameter.ndim)].append(parameter)
    return groups


def _kind(name: str, dimensions: int) -> str:
    if dimensions < 2:
        return "norm"
    parts = name.split(".")
    # the two factors of a LoRA are no matrices to orthogonalise: they are trained as heads are
    if "blocks" in parts and dimensions == 2 and "parametrizations" not in parts:
        return "matrix"
    # a tied head is the embedding and learns at its rate
    return "embedding" if "embedding" in parts else "head"


def _placed(value: Any, parameter: Tensor) -> Any:
    """Bring a stored tensor to where its parameter lies.

    A step counter too: fused AdamW counts on the device. Only it is never sharded.
    """
    if not isinstance(value, Tensor):
        return value
    return like(value, parameter) if value.ndim else value.to(parameter.device)


def trainable(parameters: Iterable[nn.Parameter]) -> int:
    """Return the number of weights that are trained."""
    return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
