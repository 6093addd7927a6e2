"""The module through which everything is computed that needs a model's weights.

DDP and FSDP2 act when the outermost module is called. `Root` is that module: training calls it
with an objective, evaluation with a measure, and both see an ordinary model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from chatapp.model.gpt import GPT
from chatapp.training.distributed import World, whole


class Root(nn.Module):
    """`root(function, *arguments)` is `function(model, *arguments)`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(self.model, *arguments)


class Parallel:
    """A model over the processes of a world. Build the optimisers after this."""

    def __init__(self, model: nn.Module, world: World) -> None:
        self._root = Root(model)
        self._module: nn.Module = self._root
        if world.size > 1 and world.strategy == "fsdp":
            for block in getattr(model, "blocks", []):
                fully_shard(block)
            fully_shard(self._root)
        elif world.size > 1:
            self._module = DistributedDataParallel(self._root)

    def __call__(self, function: Callable[..., Any], *arguments: Any, syncs: bool = True) -> Any:
        """Return `function(model, *arguments)`.

        Args:
            syncs: whether the backward pass of the result sums gradients over the ranks; the last
                micro-batch of a step does, the others only add to what is there.
        """
        if isinstance(self._module, DistributedDataParallel):
            self._module.require_backward_grad_sync = syncs
        elif isinstance(self._root, FSDPModule):
            self._root.set_requires_gradient_sync(syncs)
        return self._module(function, *arguments)

    def measure(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `function(model, *arguments)` with the model in evaluation mode."""
        self._root.eval()
        try:
            with torch.no_grad():
                return self._root(function, *arguments)
        finally:
            self._root.train()


def gathered(model: GPT) -> GPT:
    """Return a model whose weights are all here: itself, or a whole copy of a sharded one."""
    weights = model.state_dict()
    if not any(isinstance(weight, DTensor) for weight in weights.values()):
        return model
    whole_weights = {name: whole(weight) for name, weight in weights.items()}
    with torch.device("meta"):
        copy = GPT(model.config)
    copy.load_state_dict(whole_weights, assign=True)
    copy.reset_rotary_tables()
    return copy
