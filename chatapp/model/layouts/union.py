"""A ring and classes together, for sparse attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chatapp.kernels.attention import attend
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews, attend_step
from chatapp.model.layouts.classes import ClassCache
from chatapp.model.layouts.grouping import ends, fold, is_few, precise, unfold
from chatapp.model.layouts.ring import RingCache


class UnionCache:
    """A ring for the band and classes for the strided rest; each key is counted once.

    The classes hold every position, so they also refill the ring when a sequence is cut.
    """

    def __init__(
        self,
        pattern: Pattern,
        ring: tuple[Tensor, Tensor],
        classes: tuple[Tensor, Tensor],
        capacity: int,
    ) -> None:
        self.pattern = pattern
        self.ring = RingCache(pattern, *ring, capacity)
        self.classes = ClassCache(pattern, *classes)

    def read(self, rows: slice, start: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `LayerCache.read`."""
        if is_few(start, q) and self.ring.fits(q.shape[2]):
            self._write(rows, start, k, v)
            return attend_step(self.pattern, q, self.views(rows), ends(start, q))
        past_k, past_v = self.ring.window(rows, start)
        near_k, near_v = torch.cat((past_k, k), dim=2), torch.cat((past_v, v), dim=2)
        self._write(rows, start, k, v)
        if start == 0:
            return attend(self.pattern, q, k, v)
        near = self._near_scores(q, near_k)
        far = self.classes.scores(rows, start, q, distance=self.pattern.w)
        weights = torch.softmax(torch.cat((near, far), dim=-1), dim=-1)
        near, far = weights.split((near.shape[-1], far.shape[-1]), dim=-1)
        near_sum = unfold(fold(near, near_v.shape[1]) @ precise(near_v), q.shape[1])
        return (near_sum + self.classes.mix(rows, start, far)).to(q.dtype)

    def store(self, positions: Tensor, k: Tensor, v: Tensor) -> None:
        """See `LayerCache.store`."""
        self.ring.store(positions, k, v)
        self.classes.store(positions, k, v)

    def settle(self, row: int, reached: int) -> None:
        """See `LayerCache.settle`."""
        self.ring.settle(row, reached)

    def views(self, rows: slice) -> CacheViews:
        """See `LayerCache.views`."""
        return CacheViews(ring=self.ring.views(rows).ring, classes=self.classes.views(rows).classes)

    def _write(self, rows: slice, start: int, k: Tensor, v: Tensor) -> None:
        self.ring.write(rows, start, k, v)
        self.classes.write(rows, start, k, v)

    def _near_scores(self, q: Tensor, k: Tensor) -> Tensor:
        """Scaled scores (B, H, T, n) with the last n positions, -inf outside the band."""
        length, count = q.shape[2], k.shape[2]
        queries = torch.arange(count - length, count, device=q.device)[:, None]
        distance = queries - torch.arange(count, device=q.device)[None, :]
        scores = fold(precise(q), k.shape[1]) @ precise(k).transpose(-1, -2)
        outside = (distance < 0) | (distance >= self.pattern.w)
        return (unfold(scores, q.shape[1]) / math.sqrt(q.shape[-1])).masked_fill(
            outside, -torch.inf
        )

    def can_resume(self, row: int, length: int) -> bool:
        """Nothing is ever lost: the classes hold it."""
        return True

    def resume(self, row: int, length: int) -> None:
        """See `LayerCache.resume`."""
        if not self.ring.can_resume(row, length):
            first = max(0, length - self.pattern.w + 1)
            self.ring.refill(row, length, *self.classes.span(row, first, length))
        self.ring.resume(row, length)

    def copy(self, source: int, target: int, length: int) -> None:
        """See `LayerCache.copy`."""
        self.ring.copy(source, target, length)
        self.classes.copy(source, target, length)

    def buffers(self) -> list[Tensor]:
        """Keys and values of both."""
        return [*self.ring.buffers(), *self.classes.buffers()]
