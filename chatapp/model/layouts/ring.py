"""The last R positions, for local attention."""

from __future__ import annotations

import torch
from torch import Tensor

from chatapp.kernels.attention import attend
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews, attend_step
from chatapp.model.layouts.grouping import ends, is_few


class RingCache:
    """The last R positions of at most `capacity`; `floor` is the oldest that a row still holds."""

    def __init__(self, pattern: Pattern, keys: Tensor, values: Tensor, capacity: int) -> None:
        self.pattern, self.keys, self.values, self.capacity = pattern, keys, values, capacity
        self.size = keys.shape[2]
        self._floor = [0] * keys.shape[0]

    def read(self, rows: slice, start: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `LayerCache.read`."""
        if is_few(start, q) and self.fits(q.shape[2]):
            self.write(rows, start, k, v)
            return attend_step(self.pattern, q, self.views(rows), ends(start, q))
        past_k, past_v = self.window(rows, start)
        # joined before they are written: new positions may take the places of these
        k_all, v_all = torch.cat((past_k, k), dim=2), torch.cat((past_v, v), dim=2)
        self.write(rows, start, k, v)
        # only distances matter to a local pattern, so its window may count from 0
        return attend(self.pattern, q, k_all, v_all, past_k.shape[2])

    def window(self, rows: slice, start: int) -> tuple[Tensor, Tensor]:
        """Return keys and values of the positions before `start` that it sees, in order."""
        first = max(0, start - self.pattern.w + 1)
        return self._slice(self.keys[rows], first, start), self._slice(
            self.values[rows], first, start
        )

    def fits(self, count: int) -> bool:
        """Say whether `count` new positions leave in the ring what the first of them sees."""
        return self.size >= min(self.capacity, self.pattern.w + count - 1)

    def store(self, positions: Tensor, k: Tensor, v: Tensor) -> None:
        """See `LayerCache.store`."""
        rows = torch.arange(len(positions), device=positions.device)
        self.keys[rows, :, positions % self.size] = k[:, :, 0]
        self.values[rows, :, positions % self.size] = v[:, :, 0]

    def settle(self, row: int, reached: int) -> None:
        """See `LayerCache.settle`."""
        self._floor[row] = max(self._floor[row], reached - self.size)

    def views(self, rows: slice) -> CacheViews:
        """See `LayerCache.views`."""
        return CacheViews(ring=(self.keys[rows], self.values[rows]))

    def _slice(self, buffer: Tensor, first: int, stop: int) -> Tensor:
        """Positions `first..stop-1`, without a copy unless they wrap around."""
        begin, count = first % self.size, stop - first
        if begin + count <= self.size:
            return buffer[:, :, begin : begin + count]
        wrapped = begin + count - self.size
        return torch.cat((buffer[:, :, begin:], buffer[:, :, :wrapped]), dim=2)

    def write(self, rows: slice, start: int, k: Tensor, v: Tensor) -> None:
        """Store new positions over the oldest."""
        stop = start + k.shape[2]
        first = max(start, stop - self.size)
        slots = torch.arange(first, stop, device=k.device) % self.size
        self.keys[rows, :, slots] = k[:, :, first - start :]
        self.values[rows, :, slots] = v[:, :, first - start :]
        for row in range(*rows.indices(len(self._floor))):
            self.settle(row, stop)

    def can_resume(self, row: int, length: int) -> bool:
        """Say whether all that position `length` sees is still there."""
        return length == 0 or self._floor[row] <= max(0, length - self.pattern.w + 1)

    def resume(self, row: int, length: int) -> None:
        """See `LayerCache.resume`."""
        if length == 0:
            self._floor[row] = 0

    def refill(self, row: int, length: int, keys: Tensor, values: Tensor) -> None:
        """Put back what position `length` sees: keys and values (1, Hkv, n, D), the last n."""
        first = length - keys.shape[2]
        self._floor[row] = 0
        self.write(slice(row, row + 1), first, keys, values)
        self._floor[row] = first

    def copy(self, source: int, target: int, length: int) -> None:
        """See `LayerCache.copy`."""
        for buffer in self.buffers():
            buffer[target] = buffer[source]
        self._floor[target] = self._floor[source]

    def buffers(self) -> list[Tensor]:
        """Keys and values."""
        return [self.keys, self.values]
