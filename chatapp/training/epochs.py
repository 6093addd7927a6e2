"""Stages that learn from a list of examples: a budget in passes, and batches in shuffled order.

Packed text has no examples, and its stages count tokens; comparisons and labelled examples are
counted, each seen `epochs` times.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from chatapp.training.recipe import StageRecipe

_WINDOW = 8  # batches among which examples of like length are put together


@dataclass(frozen=True, kw_only=True)
class EpochRecipe(StageRecipe):
    """A stage over examples: `batch` is examples per step, `sequence` the longest row in tokens.

    The budget is one of `epochs`, `tokens` (batch x sequence a step) and `minutes`. The rates are
    those of tuning a trained model.
    """

    epochs: float = 0.0
    matrix_lr: float = 0.002
    embedding_lr: float = 0.002
    head_lr: float = 0.001
    norm_lr: float = 0.001
    warmup: float = 0.05
    warmdown: float = 0.9

    def __post_init__(self) -> None:
        if not self.epochs:
            super().__post_init__()
            return
        if self.epochs < 0 or self.tokens or self.minutes:
            raise ValueError("give exactly one of epochs, tokens and minutes")
        dataclasses.replace(self, epochs=0.0, minutes=1.0)  # checks everything else

    def budgeted(self, examples: int) -> Self:
        """Return the settings with the epochs over that many examples as a budget in tokens."""
        if not self.epochs:
            return self
        steps = max(1, round(self.epochs * examples / self.batch))
        return dataclasses.replace(self, epochs=0.0, tokens=steps * self.batch * self.sequence)


B = TypeVar("B")


class ExampleBatches(Generic[B]):
    """Batches of a list of examples; `batch(step)` is a pure function of the step.

    Every epoch has a fresh random order, in which examples of like length stand together so that
    little is padded; what does not fill a last batch waits for the next epoch's order.

    Args:
        lengths: tokens of each example.
        collate: makes the batch of some examples, given by their numbers.
    """

    def __init__(
        self, lengths: Sequence[int], collate: Callable[[list[int]], B], *, batch: int, seed: int
    ) -> None:
        self._lengths, self._collate, self._seed = np.asarray(lengths), collate, seed
        self._batch = min(batch, len(lengths))
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def batch(self, step: int) -> B:
        """Return the batch of one optimiser step."""
        epoch, place = divmod(step, len(self._lengths) // self._batch)
        if epoch != self._epoch:
            self._order, self._epoch = self._shuffled(epoch), epoch
        chosen = self._order[place * self._batch : (place + 1) * self._batch]
        return self._collate(chosen.tolist())

    def _shuffled(self, epoch: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng((self._seed, epoch))
        order = rng.permutation(len(self._lengths))
        order = order[: len(order) // self._batch * self._batch]
        size = self._batch * _WINDOW
        parts = []
        for start in range(0, len(order), size):
            window = order[start : start + size]
            batches = window[np.argsort(self._lengths[window], kind="stable")]
            parts.append(rng.permutation(batches.reshape(-1, self._batch)))
        return np.concatenate(parts).ravel()
