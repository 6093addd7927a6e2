"""One training over several processes: `torchrun … -m chatapp train`, with DDP or FSDP2.

Every rank reads the same batches and trains its own rows of them, so a run on N processes does
what one process does, up to rounding. Gradients are summed once an optimiser step, however many
micro-batches it has. Rank 0 alone writes and speaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

Strategy = Literal["ddp", "fsdp"]


@dataclass(frozen=True)
class World:
    """This process among those of the run. One process is a world too."""

    rank: int = 0
    size: int = 1
    strategy: Strategy = "ddp"

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all ranks."""
        if self.size > 1:
            value = value.clone()
            torch.distributed.all_reduce(value)
        return value

    def agree(self, *values: float) -> tuple[float, ...]:
        """Return rank 0's values on every rank, so that all take the same decisions."""
        if self.size == 1:
            return values
        shared = torch.tensor(values, dtype=torch.float64)
        torch.distributed.broadcast(shared, src=0)
        return tuple(shared.tolist())

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.size > 1:
            self.agree(0.0)


@contextmanager
def world_of_torchrun(device: torch.device, strategy: Strategy = "ddp") -> Iterator[World]:
    """Join the processes that torchrun started; without torchrun, a world of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(strategy=strategy)
        return
    # gloo beside nccl: what ranks agree on lies on the CPU and must not wait for the GPU
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend)
    try:
        yield World(torch.distributed.get_rank(), size, strategy)
    finally:
        torch.distributed.destroy_process_group()


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor with all its shards, on the CPU; every rank must call it."""
    if isinstance(tensor, DTensor):
        tensor = tensor.full_tensor()
    return tensor.detach().cpu()


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """Return a whole tensor as `parameter` is kept: on its device, sharded as it is."""
    if isinstance(parameter, DTensor):
        return distribute_tensor(
            value.to(parameter.device), parameter.device_mesh, parameter.placements
        )
    return value.to(parameter.device)
