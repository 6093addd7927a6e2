"""Our model's view of a cache of `transformers`, with padding on either side of each row.

A row's positions count its real tokens only, so a padded row gives the logits it would give alone,
for every attention pattern. Rows without padding take the fast attention; with padding a boolean
mask per row goes into PyTorch's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from chatapp.kernels.attention import attend
from chatapp.kernels.patterns import Pattern


class PaddedCache:
    """An `AttentionCache` for one forward pass.

    Args:
        cache: a `Cache` of `transformers` that holds what came before, or None to keep nothing.
        mask: (B, past + T), nonzero at real tokens; None means that all are.
        length: number of new tokens, T.
    """

    def __init__(self, cache: Any, mask: Tensor | None, length: int, device: torch.device) -> None:
        self._cache = cache
        self._past = int(cache.get_seq_length()) if cache is not None else 0
        self._total = self._past + length
        self._device = device
        real = None if mask is None else mask[:, : self._total].bool()
        self._real = None if real is None or bool(real.all()) else real
        self._masks: dict[Pattern, Tensor] = {}

    def _all_positions(self, real: Tensor) -> Tensor:
        """Positions of all tokens so far, (B, past + T); padding shares its neighbour's."""
        return (real.long().cumsum(dim=1) - 1).clamp(min=0)

    def positions(self, count: int) -> Tensor:
        """See `AttentionCache.positions`."""
        if self._real is None:
            return torch.arange(self._past, self._past + count, device=self._device)
        return self._all_positions(self._real)[:, -count:]

    def attend(self, layer: int, pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `AttentionCache.attend`."""
        if self._cache is not None:
            k, v = self._cache.update(k, v, layer)
            if k.shape[2] != self._total:
                raise ValueError(
                    f"{type(self._cache).__name__} gave back {k.shape[2]} positions where "
                    f"{self._total} were read; use a DynamicCache, which is the default"
                )
        if self._real is None:
            return attend(pattern, q, k, v, self._past)
        if pattern not in self._masks:
            self._masks[pattern] = self._mask(pattern, self._real)
        return functional.scaled_dot_product_attention(
            q, k, v, attn_mask=self._masks[pattern], enable_gqa=q.shape[1] != k.shape[1]
        )

    def _mask(self, pattern: Pattern, real: Tensor) -> Tensor:
        """What each new token of each row sees: bool, (B, 1, T, past + T)."""
        positions = self._all_positions(real)
        seen = torch.stack([pattern.visible(row[self._past :], row) for row in positions])
        itself = torch.eye(self._total, dtype=torch.bool, device=real.device)[self._past :]
        # padding sees itself, for a softmax over nothing is not a number
        return ((seen & real[:, None, :]) | itself)[:, None]

    def advance(self, count: int) -> None:
        """See `AttentionCache.advance`; the cache of `transformers` counts for itself."""
