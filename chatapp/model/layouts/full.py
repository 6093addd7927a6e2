"""Every position in natural order."""

from __future__ import annotations

import torch
from torch import Tensor

from chatapp.kernels.attention import attend
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews, attend_step
from chatapp.model.layouts.grouping import ends, is_few


class FullCache:
    """Every position in natural order."""

    def __init__(self, pattern: Pattern, keys: Tensor, values: Tensor) -> None:
        self.pattern, self.keys, self.values = pattern, keys, values

    def read(self, rows: slice, start: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `LayerCache.read`."""
        stop = start + k.shape[2]
        self.keys[rows, :, start:stop] = k
        self.values[rows, :, start:stop] = v
        if is_few(start, q):
            return attend_step(self.pattern, q, self.views(rows), ends(start, q))
        keys, values = self.keys[rows, :, :stop], self.values[rows, :, :stop]
        return attend(self.pattern, q, keys, values, start)

    def store(self, positions: Tensor, k: Tensor, v: Tensor) -> None:
        """See `LayerCache.store`."""
        rows = torch.arange(len(positions), device=positions.device)
        self.keys[rows, :, positions] = k[:, :, 0]
        self.values[rows, :, positions] = v[:, :, 0]

    def settle(self, row: int, reached: int) -> None:
        """Nothing to do: nothing is overwritten."""

    def views(self, rows: slice) -> CacheViews:
        """See `LayerCache.views`."""
        return CacheViews(full=(self.keys[rows], self.values[rows]))

    def can_resume(self, row: int, length: int) -> bool:
        """Nothing is ever lost."""
        return True

    def resume(self, row: int, length: int) -> None:
        """Nothing to do: later positions are overwritten before they are read."""

    def copy(self, source: int, target: int, length: int) -> None:
        """See `LayerCache.copy`."""
        for buffer in self.buffers():
            buffer[target, :, :length] = buffer[source, :, :length]

    def buffers(self) -> list[Tensor]:
        """Keys and values."""
        return [self.keys, self.values]
