"""Positions grouped by `p mod r`, for strided attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chatapp.kernels.attention import attend
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews, attend_step
from chatapp.model.layouts.grouping import (
    ends,
    fold,
    from_classes,
    is_few,
    precise,
    to_classes,
    unfold,
)


class ClassCache:
    """Every position, grouped by `p mod r`: what a strided step reads is one contiguous slice."""

    def __init__(self, pattern: Pattern, keys: Tensor, values: Tensor) -> None:
        self.pattern, self.keys, self.values = pattern, keys, values

    def read(self, rows: slice, start: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `LayerCache.read`."""
        self.write(rows, start, k, v)
        if start == 0:
            return attend(self.pattern, q, k, v)
        if is_few(start, q):
            return attend_step(self.pattern, q, self.views(rows), ends(start, q))
        weights = torch.softmax(self.scores(rows, start, q, distance=0), dim=-1)
        return self.mix(rows, start, weights).to(q.dtype)

    def write(self, rows: slice, start: int, k: Tensor, v: Tensor) -> None:
        """Store new positions."""
        positions = torch.arange(start, start + k.shape[2], device=k.device)
        column, row = positions % self.pattern.r, positions // self.pattern.r
        self.keys[rows, :, column, row] = k
        self.values[rows, :, column, row] = v

    def store(self, positions: Tensor, k: Tensor, v: Tensor) -> None:
        """See `LayerCache.store`."""
        rows = torch.arange(len(positions), device=positions.device)
        column, row = positions % self.pattern.r, positions // self.pattern.r
        self.keys[rows, :, column, row] = k[:, :, 0]
        self.values[rows, :, column, row] = v[:, :, 0]

    def settle(self, row: int, reached: int) -> None:
        """Nothing to do: nothing is overwritten."""

    def views(self, rows: slice) -> CacheViews:
        """See `LayerCache.views`."""
        return CacheViews(classes=(self.keys[rows], self.values[rows]))

    def scores(self, rows: slice, start: int, q: Tensor, *, distance: int) -> Tensor:
        """Return scaled scores of T queries with their classes, (B, H, T, n), float32 at least.

        -inf below `distance` and for what a query's class does not hold yet.
        """
        r, heads, length = self.pattern.r, q.shape[1], q.shape[2]
        grid = to_classes(q, start % r, r)  # (B, H, r, m, D)
        first, count = start // r, grid.shape[3]
        keys = precise(self.keys[rows, :, :, : first + count])
        steps = first + torch.arange(count, device=q.device)[:, None]
        steps = steps - torch.arange(first + count, device=q.device)[None, :]
        grouped = fold(precise(grid), keys.shape[1])
        scores = grouped @ keys.transpose(-1, -2) / math.sqrt(q.shape[-1])
        scores = unfold(scores, heads)  # (B, H, r, m, n)
        scores = scores.masked_fill(steps * r < distance, -torch.inf)
        scores = scores.masked_fill(steps < 0, -torch.inf)
        return from_classes(scores, start % r, length)

    def mix(self, rows: slice, start: int, weights: Tensor) -> Tensor:
        """Return the sums of values under weights (B, H, T, n) over their classes: (B, H, T, D)."""
        r, heads, length = self.pattern.r, weights.shape[1], weights.shape[2]
        values = precise(self.values[rows, :, :, : weights.shape[3]])
        grid = fold(to_classes(weights, start % r, r), values.shape[1])
        return from_classes(unfold(grid @ values, heads), start % r, length)

    def span(self, row: int, first: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return keys and values of positions `first..stop-1` of one row, each (1, Hkv, n, D)."""
        positions = torch.arange(first, stop, device=self.keys.device)
        column, place = positions % self.pattern.r, positions // self.pattern.r
        rows = slice(row, row + 1)
        return self.keys[rows, :, column, place], self.values[rows, :, column, place]

    def can_resume(self, row: int, length: int) -> bool:
        """Nothing is ever lost."""
        return True

    def resume(self, row: int, length: int) -> None:
        """Nothing to do: later positions are overwritten before they are read."""

    def copy(self, source: int, target: int, length: int) -> None:
        """See `LayerCache.copy`."""
        count = -(-length // self.pattern.r)
        for buffer in self.buffers():
            buffer[target, :, :, :count] = buffer[source, :, :, :count]

    def buffers(self) -> list[Tensor]:
        """Keys and values."""
        return [self.keys, self.values]
