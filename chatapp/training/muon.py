"""Muon for weights that are sharded over processes.

Muon orthogonalises whole matrices, so a shard is not enough. The matrices are dealt out: each rank
orthogonalises its own ones for all, so the work is divided, and momentum stays sharded like the
weights. For whole weights `torch.optim.Muon` serves; this one does the same sums, and a test holds
the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

# Quintic coefficients and step count of Jordan et al. 2024, "Muon"; kellerjordan.github.io
_A, _B, _C = 3.4445, -4.7750, 2.0315
_STEPS = 5


class ShardedMuon(Optimizer):
    """Muon over 2-D DTensors; every rank must take every step."""

    def __init__(
        self, parameters: Iterable[Tensor], *, lr: float, weight_decay: float, momentum: float
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Apply one update to every parameter that has a gradient."""
        assert closure is None, "the training loop computes the loss itself"
        for group in self.param_groups:
            for number, parameter in enumerate(group["params"]):
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group, number)

    def _update(
        self, parameter: DTensor, gradient: Tensor, group: dict[str, Any], number: int
    ) -> None:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum = state["momentum_buffer"]
        momentum.lerp_(gradient, 1 - group["momentum"])
        nesterov = gradient.lerp(momentum, group["momentum"])
        direction = _orthogonalised(nesterov, owner=number % parameter.device_mesh.size())
        rows, columns = parameter.shape
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(direction, alpha=-group["lr"] * math.sqrt(max(1, rows / columns)))


def _orthogonalised(sharded: Tensor, owner: int) -> Tensor:
    """Return the orthogonal factor, sharded alike; the rank `owner` computes it."""
    assert isinstance(sharded, DTensor)
    mesh, placements = sharded.device_mesh, sharded.placements
    full = sharded.full_tensor()
    if mesh.get_local_rank() == owner:
        full = orthogonalise(full)
    return distribute_tensor(full.bfloat16(), mesh, placements, src_data_rank=owner)


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return an approximation of U V^T of a matrix U S V^T, bfloat16, by Newton-Schulz steps."""
    x = matrix.bfloat16()
    wide = x.T if x.shape[0] > x.shape[1] else x
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(_STEPS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), wide, beta=_A)
    return wide.T if x.shape[0] > x.shape[1] else wide
