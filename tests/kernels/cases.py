"""Random queries, keys and values, and caches filled with them in every layout."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews

# Windows larger than, smaller than and equal to strides; a stride of 1; more columns than a block.
PATTERNS = [
    "dense",
    "local(5)",
    "strided(3)",
    "strided(1)",
    "sparse(5, 3)",
    "sparse(2, 7)",
    "sparse(4, 4)",
    "fixed(5, 2)",
    "fixed(3, 4)",
]


@st.composite
def patterns_and_lengths(draw: st.DrawFn) -> tuple[Pattern, int]:
    """A pattern and a length around its window, its stride and their multiples."""
    w, r = draw(st.integers(1, 12)), draw(st.integers(1, 9))
    kind = draw(st.sampled_from(["dense", "local", "strided", "sparse", "fixed"]))
    near = [1, 2, w - 1, w, w + 1, 2 * w + 1, r * 4 - 1, r * 4, r * 4 + 1, 40]
    length = max(1, draw(st.sampled_from(near)))
    w, r = (0 if kind in ("dense", "strided") else w), (0 if kind in ("dense", "local") else r)
    return Pattern(kind, w, r), length


def random_qkv(
    length: int,
    *,
    batch: int = 2,
    heads: int = 4,
    kv_heads: int = 2,
    width: int = 8,
    dtype: torch.dtype = torch.float64,
) -> list[Tensor]:
    """Return unit normal q, k and v, each (batch, heads, length, width)."""
    rng = torch.Generator().manual_seed(length)
    shapes = [(batch, h, length, width) for h in (heads, kv_heads, kv_heads)]
    return [torch.randn(shape, generator=rng, dtype=dtype) for shape in shapes]


def filled_cache(
    k: Tensor, v: Tensor, lengths: list[int], *, slots: int, r: int, capacity: int
) -> CacheViews:
    """Return all layouts after each sequence b has stored its first `lengths[b]` tokens.

    Whatever was never written is NaN, so that reading it cannot go unnoticed.
    """
    pairs = zip(*(_layouts(x, lengths, slots, r, capacity) for x in (k, v)), strict=True)
    return CacheViews(*pairs)


def _layouts(x: Tensor, lengths: list[int], slots: int, r: int, capacity: int) -> list[Tensor]:
    batch, heads, _, width = x.shape
    shapes = [(capacity,), (slots,), (r, -(-capacity // r))]
    full, ring, classes = (x.new_full((batch, heads, *shape, width), torch.nan) for shape in shapes)
    for row, length in enumerate(lengths):
        for position in range(length):
            token = x[row, :, position]
            full[row, :, position] = token
            ring[row, :, position % slots] = token
            classes[row, :, position % r, position // r] = token
    return [full, ring, classes]
