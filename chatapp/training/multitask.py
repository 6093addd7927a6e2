"""Pretraining on several tasks at once: some rows of each batch belong to an auxiliary task.

The loss is the mean of next-token prediction plus `weight` times the mean of each other task, so
what a weight means does not depend on how many answers a task happens to have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from chatapp.model.gpt import GPT
from chatapp.training.auxiliary import Task, packed
from chatapp.training.cross_entropy import IGNORED, summed_cross_entropy
from chatapp.training.objectives import Batch
from chatapp.training.shards import PackedBatches


@dataclass(frozen=True)
class AuxiliaryTask:
    """How much of a batch an auxiliary task gets, and how much its mean loss counts.

    `share` is a part of the batch's rows, at least one of them; the rest predicts the next token.
    """

    share: float
    weight: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < self.share < 1.0 or self.weight < 0.0:
            raise ValueError("share must lie between 0 and 1, and weight be at least 0")

    def rows(self, batch: int) -> int:
        """Return how many rows of a batch of so many are the task's."""
        return max(1, round(self.share * batch))


class TaskBatch(NamedTuple):
    """Rows of several tasks.

    `inputs` and `targets` are int64 (B, T). `tasks` (B,) numbers each row's task, 0 is next-token.
    `scales` float32 (B,) makes the sum over a task's tokens comparable with that of next-token:
    the task's weight times the ratio of their numbers of trained tokens. `ratios` is the same
    without the weight.
    """

    inputs: Tensor
    targets: Tensor
    tasks: Tensor
    scales: Tensor
    ratios: Tensor

    @property
    def examples(self) -> int:
        """Number of tokens trained by next-token prediction."""
        return int((self.targets[self.tasks == 0] != IGNORED).sum())


class TaskBatches:
    """Batches of next-token rows and auxiliary rows; `batch(step)` is a function of the step."""

    def __init__(
        self,
        packing: PackedBatches,
        tasks: Mapping[str, tuple[Task, AuxiliaryTask]],
        *,
        sequence: int,
        batch: int,
        seed: int,
    ) -> None:
        self._packing, self._sequence, self._seed = packing, sequence, seed
        self._tasks = [(task, how.weight, how.rows(batch)) for task, how in tasks.values()]

    def batch(self, step: int) -> TaskBatch:
        """Return the batch of one optimiser step."""
        text = self._packing.batch(step)
        inputs, targets = [text.inputs], [text.targets]
        numbers, weights = [torch.zeros(len(text.inputs), dtype=torch.int64)], [1.0]
        for number, (task, weight, rows) in enumerate(self._tasks, start=1):
            made = self._rows(task, (self._seed, number, step), rows)
            inputs.append(made.inputs)
            targets.append(made.targets)
            numbers.append(torch.full((rows,), number))
            weights.append(weight)
        trained = [max(1, int((part != IGNORED).sum())) for part in targets]
        tasks = torch.cat(numbers)
        ratios = torch.tensor([trained[0] / count for count in trained])[tasks]
        scales = torch.tensor(weights)[tasks] * ratios
        return TaskBatch(torch.cat(inputs), torch.cat(targets), tasks, scales, ratios)

    def _rows(self, task: Task, address: tuple[int, int, int], rows: int) -> Batch:
        made = [
            packed(task, self._sequence, np.random.default_rng((*address, row)))
            for row in range(rows)
        ]
        ids = torch.from_numpy(np.stack([row for row, _ in made]))
        trained = torch.from_numpy(np.stack([mask for _, mask in made]))
        targets = ids[:, 1:].masked_fill(~trained[:, 1:], IGNORED)
        return Batch(ids[:, :-1].contiguous(), targets)


class MultiTask:
    """The objective of `TaskBatches`; logs the mean loss of every task by its name."""

    def __init__(self, names: list[str]) -> None:
        self._names = ["next_token", *names]

    def __call__(self, model: GPT, batch: TaskBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum and the sums of the tasks, in nats."""
        scales = batch.scales[:, None].expand_as(batch.targets)
        total, losses = summed_cross_entropy(
            model.hidden(batch.inputs), model.head.weight, batch.targets, scales
        )
        by_row = losses.sum(dim=1) * batch.ratios
        sums = {
            name: (by_row * (batch.tasks == number)).sum()
            for number, name in enumerate(self._names)
        }
        return total, sums
