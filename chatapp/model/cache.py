"""Key-value caches of a whole model: what attention needs of the tokens already read.

A `GPT` sees an `AttentionCache`: it hands over a layer's new queries, keys and values and gets the
attention's result. `SlotCaches` owns the buffers of several sequences of different lengths, its
slots, and gives such views of them; `KeyValueCache` is the plain case of a batch that is read in
step. How a layer stores its keys is in `layouts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import attend_step
from chatapp.model.config import ModelConfig
from chatapp.model.layouts.choose import layer_cache
from chatapp.model.layouts.shapes import DEFAULT_SLACK, shapes


class AttentionCache(Protocol):
    """What a model asks of its cache during one forward pass."""

    def positions(self, count: int) -> Tensor:
        """Return the positions of the next `count` tokens, int64, (count,) or (B, count)."""
        ...

    def attend(self, layer: int, pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store one layer's new keys and values and attend to all that the pattern shows.

        Args:
            q: (B, H, T, D), standing at the next T positions.
            k: (B, Hkv, T, D), after rotary embedding.
            v: like k.

        Returns:
            (B, H, T, D).
        """
        ...

    def advance(self, count: int) -> None:
        """Count `count` new positions as read, once all layers have stored theirs."""
        ...


def cache_bytes(
    config: ModelConfig,
    *,
    slots: int = 1,
    capacity: int | None = None,
    dtype: torch.dtype = torch.float32,
    slack: int = DEFAULT_SLACK,
) -> int:
    """Return the bytes that `SlotCaches` of these arguments would take, without allocating."""
    return slots * config.cache_bytes(capacity or config.context_length, dtype.itemsize, slack)


class SlotCaches:
    """Caches of `slots` sequences of up to `capacity` positions, each with its own length.

    Args:
        slack: how many positions of a ring more than its window are kept, i.e. by how many a
            sequence with `local` layers can be cut back without reading it again.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        slots: int,
        capacity: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
        slack: int = DEFAULT_SLACK,
    ) -> None:
        self.slots, self.capacity = slots, capacity
        self.readable = min(capacity, config.context_length)
        self.lengths = [0] * slots
        self.device = device
        like = torch.empty(0, dtype=dtype, device=device)
        self.layers = []
        for layer in range(config.n_layers):
            pattern = config.pattern(layer)
            sizes = shapes(pattern, config.n_kv_heads, config.head_dim, capacity, slack)
            self.layers.append(layer_cache(pattern, slots, sizes, capacity, like))

    def reading(self, slot: int) -> AttentionCache:
        """Return the view that appends any number of tokens to one slot."""
        return _Reading(self, range(slot, slot + 1))

    def stepping(self, slots: Sequence[int]) -> AttentionCache:
        """Return the view that appends one token to each of several different slots."""
        return _Stepping(self, slots)

    def marching(self, lengths: Tensor) -> AttentionCache:
        """Return the view that appends one token to every slot, at lengths only the device knows.

        Nothing of it waits for the device, so it can be captured in a CUDA graph. The lengths are
        not moved on; `settle` tells the caches afterwards what was stored.

        Args:
            lengths: int64, shape (slots,), less than the capacity each.
        """
        return _Marching(self, lengths)

    def settle(self, slot: int, length: int, reached: int) -> None:
        """Say that a slot holds `length` positions, of `reached` that marching has written."""
        self.lengths[slot] = length
        for layer in self.layers:
            layer.settle(slot, reached)

    def truncate(self, slot: int, length: int) -> int:
        """Forget a slot's positions from `length` on; return how many it holds now.

        That is `length`, or 0 where a ring has lost what position `length` sees.
        """
        if length >= self.lengths[slot]:
            return self.lengths[slot]
        return self._cut(slot, length)

    def _cut(self, slot: int, length: int) -> int:
        if not all(layer.can_resume(slot, length) for layer in self.layers):
            length = 0
        for layer in self.layers:
            layer.resume(slot, length)
        self.lengths[slot] = length
        return length

    def copy(self, source: int, target: int) -> None:
        """Make slot `target` hold what slot `source` holds.

        Nothing, where marching has overwritten in a ring what the next position sees.
        """
        if source == target:
            return
        for layer in self.layers:
            layer.copy(source, target, self.lengths[source])
        self._cut(target, self.lengths[source])

    def bytes(self) -> int:
        """Return the bytes of all buffers."""
        return sum(buffer.nbytes for layer in self.layers for buffer in layer.buffers())


class _Reading:
    """T new tokens for each of some neighbouring slots of equal length."""

    def __init__(self, caches: SlotCaches, slots: range) -> None:
        self._caches, self._slots = caches, slots
        self._start = caches.lengths[slots.start]

    def positions(self, count: int) -> Tensor:
        stop = self._start + count
        if stop > self._caches.capacity:
            raise ValueError(f"cache holds {self._caches.capacity} positions, {stop} are needed")
        return torch.arange(self._start, stop, device=self._caches.device)

    def attend(self, layer: int, pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        rows = slice(self._slots.start, self._slots.stop)
        return self._caches.layers[layer].read(rows, self._start, q, k, v)

    def advance(self, count: int) -> None:
        for slot in self._slots:
            self._caches.lengths[slot] += count


class _Stepping:
    """One new token for each of several slots of different lengths.

    Every slot attends by itself over just what it sees, so no result depends on its neighbours.
    """

    def __init__(self, caches: SlotCaches, slots: Sequence[int]) -> None:
        if len(set(slots)) != len(slots):
            raise ValueError(f"a slot takes part in a step once, got {list(slots)}")
        self._caches, self._slots = caches, slots
        self._starts = [caches.lengths[slot] for slot in slots]

    def positions(self, count: int) -> Tensor:
        if count != 1:
            raise ValueError(f"a step reads one token of each slot, got {count}")
        if max(self._starts) >= self._caches.capacity:
            raise ValueError(
                f"cache holds {self._caches.capacity} positions, {max(self._starts) + 1} are needed"
            )
        return torch.tensor(self._starts, device=self._caches.device)[:, None]

    def attend(self, layer: int, pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        cache = self._caches.layers[layer]
        return torch.cat(
            [
                cache.read(slice(slot, slot + 1), start, q[i : i + 1], k[i : i + 1], v[i : i + 1])
                for i, (slot, start) in enumerate(zip(self._slots, self._starts, strict=True))
            ]
        )

    def advance(self, count: int) -> None:
        for slot in self._slots:
            self._caches.lengths[slot] += count


class _Marching:
    """One new token for every slot, wherever it stands."""

    def __init__(self, caches: SlotCaches, lengths: Tensor) -> None:
        self._caches, self._lengths = caches, lengths

    def positions(self, count: int) -> Tensor:
        # a full slot that takes no part writes behind its end, where no rotary table reaches
        return self._lengths.clamp(max=self._caches.readable - 1)[:, None]

    def attend(self, layer: int, pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        cache = self._caches.layers[layer]
        cache.store(self._lengths, k, v)
        return attend_step(pattern, q, cache.views(slice(None)), self._lengths + 1)

    def advance(self, count: int) -> None:
        """The lengths belong to the caller."""


class KeyValueCache(_Reading):
    """The cache of `batch` sequences of equal length, read together; an `AttentionCache`."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        capacity: int,
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        caches = SlotCaches(config, slots=batch, capacity=capacity, dtype=dtype, device=device)
        super().__init__(caches, range(batch))

    @property
    def length(self) -> int:
        """How many positions are stored."""
        return self._start

    def advance(self, count: int) -> None:
        """See `AttentionCache.advance`."""
        super().advance(count)
        self._start += count

    def truncate(self, length: int) -> int:
        """Forget every position from `length` on; return how many are left (see `SlotCaches`)."""
        self._start = min(self._caches.truncate(slot, length) for slot in self._slots)
        return self._start
