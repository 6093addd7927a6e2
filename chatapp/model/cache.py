"""The key-value cache: what attention needs of the tokens already read.

Keys are stored after rotary embedding, in natural order, in buffers of fixed capacity, so a step
writes in place and reads slices. `truncate` forgets a tail: a chat's next turn keeps the shared
prefix and re-reads only what changed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from chatapp.kernels.attention import attend
from chatapp.kernels.patterns import Pattern
from chatapp.model.config import ModelConfig


class KeyValueCache:
    """Keys and values of up to `capacity` positions for `batch` sequences of equal length."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        capacity: int,
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        shape = (config.n_layers, batch, config.n_kv_heads, capacity, config.head_dim)
        self._keys = torch.empty(shape, dtype=dtype, device=device)
        self._values = torch.empty(shape, dtype=dtype, device=device)
        self.capacity = capacity
        self.length = 0

    def positions(self, count: int) -> Tensor:
        """Return the positions of the next `count` tokens, int64, shape (count,)."""
        return torch.arange(self.length, self.length + count, device=self._keys.device)

    def attend(self, layer: int, pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store one layer's new keys and values and attend to all so far.

        Args:
            q: (B, H, T, D), standing at the next T positions.
            k: (B, Hkv, T, D), after rotary embedding.
            v: like k.

        Returns:
            (B, H, T, D).
        """
        k, v = self.extend(layer, k, v)
        return attend(pattern, q, k, v, self.length)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store one layer's new keys and values and return all of them so far.

        Args:
            k: (B, Hkv, T, D), to stand at positions `length..length+T-1`.
            v: like k.

        Returns:
            Views (B, Hkv, length + T, D). The length moves on only with `advance`.

        Raises:
            ValueError: the cache is full.
        """
        stop = self.length + k.shape[2]
        if stop > self.capacity:
            raise ValueError(f"cache holds {self.capacity} positions, {stop} are needed")
        self._keys[layer, :, :, self.length : stop] = k
        self._values[layer, :, :, self.length : stop] = v
        return self._keys[layer, :, :, :stop], self._values[layer, :, :, :stop]

    def advance(self, count: int) -> None:
        """Count `count` new positions as read, once all layers have stored theirs."""
        self.length += count

    def truncate(self, length: int) -> None:
        """Forget every position from `length` on; longer than stored changes nothing."""
        self.length = min(self.length, length)
