"""What a step minimises. An objective is a function of a model and a batch.

It returns a *sum* over the batch's examples (tokens, pairs) and further sums to log; the trainer
divides all of them by the `count` of the whole step. So the result depends neither on how a step
is cut into micro-batches nor on how many processes share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from chatapp.model.gpt import GPT
from chatapp.training.cross_entropy import IGNORED, summed_cross_entropy

__all__ = ["IGNORED", "Batch", "Examples", "Objective", "next_token"]


class Batch(NamedTuple):
    """Inputs and next-token targets, both int64 (B, T); untrained targets are `IGNORED`."""

    inputs: Tensor
    targets: Tensor

    @property
    def examples(self) -> int:
        """Number of trained tokens."""
        return int((self.targets != IGNORED).sum())


class Examples(Protocol):
    """A batch: a NamedTuple of tensors whose first dimension is the batch's rows."""

    @property
    def examples(self) -> int:
        """How many summands the objective has for it."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


B = TypeVar("B", bound=Examples)
B_co = TypeVar("B_co", bound=Examples, covariant=True)
B_contra = TypeVar("B_contra", contravariant=True)


class Objective(Protocol[B_contra]):
    """See the module's docstring."""

    def __call__(self, model: Any, batch: B_contra) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the summed loss (a scalar that can be differentiated) and further sums."""
        ...


def row_count(batch: Examples) -> int:
    """Return how many rows a batch has."""
    return len(next(iter(batch)))


def rows(batch: B, start: int, stop: int) -> B:
    """Return rows `start` to `stop` of every tensor of a batch."""
    return type(batch)(*(tensor[start:stop] for tensor in batch))


def to_device(batch: B, device: torch.device) -> B:
    """Return the batch on a device; the copy to a GPU does not hold up the CPU."""
    if device.type == "cpu":
        return batch
    return type(batch)(*(t.pin_memory().to(device, non_blocking=True) for t in batch))


def next_token(model: GPT, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Summed cross-entropy of the next token, in nats."""
    hidden = model.hidden(batch.inputs)
    return summed_cross_entropy(hidden, model.head.weight, batch.targets)[0], {}
