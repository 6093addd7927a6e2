"""Attention of a few heads, tile by tile, through PyTorch's CPU flash attention.

No matrix of scores is ever written to memory: besides the output there is one log-sum-exp (LSE) a
query, and in the backward pass one accumulator for each gradient.

The backward pass of a tile is the kernel's own, given the *merged* output and LSE: then its
probabilities are those of the union, and the gradients of the tiles simply add up.

Tensors are (N, G, rows, columns): N pairs of a sequence and a key head, G query heads to each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from chatapp.kernels.partial import merge
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.tiles import Tile, layers_of

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def forward_slab(
    pattern: Pattern,
    start: int,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    out: Tensor,
    lse: Tensor,
) -> None:
    """Fill `out` (like queries) and `lse` (N, G, T, 1); keys and values are (N, 1, S, D)."""
    sources = _sources(pattern, keys, values)
    for depth, tile, group in _calls(pattern, start, queries, _chunk(queries.dtype)):
        part = _flash(
            tile.queries.view(queries[:, group]),
            *(tile.keys.view(x) for x in sources[tile.summary]),
            is_causal=_is_causal(tile),
            attn_mask=_bias(tile, queries.dtype),
        )
        rows_out, rows_lse = (tile.queries.view(x[:, group]) for x in (out, lse))
        if depth:
            part = merge((rows_out, rows_lse.squeeze(-1)), part)
        rows_out.copy_(part[0])
        rows_lse.copy_(part[1][..., None])


def backward_slab(
    pattern: Pattern,
    start: int,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    *grads: Tensor,
) -> None:
    """Fill `grads`, those of queries, keys and values, given the gradient `grad` of `out`.

    bfloat16 and float16 are widened first: the kernel's products of transposed matrices are
    twice as slow in bfloat16 (and less exact) than in float32.
    """
    queries, keys, values, out, grad = (x.to(lse.dtype) for x in (queries, keys, values, out, grad))
    sources = _sources(pattern, keys, values)
    total = torch.zeros_like(queries)
    totals = {name: [torch.zeros_like(x) for x in pair] for name, pair in sources.items()}
    for _, tile, group in _calls(pattern, start, queries, _chunk(queries.dtype)):
        of_queries, *of_keys = _flash_backward(
            *(tile.queries.view(x[:, group]) for x in (grad, queries)),
            *(tile.keys.view(x) for x in sources[tile.summary]),
            tile.queries.view(out[:, group]),
            tile.queries.view(lse[:, group]).squeeze(-1),
            0.0,
            _is_causal(tile),
            attn_mask=_bias(tile, queries.dtype),
        )
        tile.queries.add_to(total[:, group], of_queries)
        for whole, part in zip(totals[tile.summary], of_keys, strict=True):
            tile.keys.add_to(whole, part)
    if True in totals:
        for whole, part in zip(totals[False], totals[True], strict=True):
            columns = _summary_columns(pattern, whole)
            columns += part.view(columns.shape)
    for result, whole in zip(grads, (total, *totals[False]), strict=True):
        result.copy_(whole.view(result.shape))


def _chunk(dtype: torch.dtype) -> int:
    """Queries to a piece of the band: fewer waste less on keys outside of it.

    Matrix units, which take two-byte numbers, want larger products than vector units.
    """
    return 64 if dtype.itemsize >= 4 else 128


def _calls(
    pattern: Pattern, start: int, queries: Tensor, chunk: int
) -> Iterator[tuple[int, Tile, int]]:
    """Every kernel call: the depth of its layer, its tile, and the query head of the group."""
    for depth, tiles in enumerate(layers_of(pattern, start, queries.shape[2], chunk=chunk)):
        for tile in tiles:
            for group in range(queries.shape[1]):
                yield depth, tile, group


def _sources(pattern: Pattern, keys: Tensor, values: Tensor) -> dict[bool, list[Tensor]]:
    """Keys and values, (N, rows, D): of the sequence (False), of its summary columns (True)."""
    whole = [keys.squeeze(1), values.squeeze(1)]
    if pattern.kind != "fixed":
        return {False: whole}
    return {False: whole, True: [_summary_columns(pattern, x).flatten(1, 2) for x in whole]}


def _summary_columns(pattern: Pattern, x: Tensor) -> Tensor:
    """The last r rows of every whole block of w, a view (N, blocks, r, D)."""
    blocks, columns = x.shape[1] // pattern.w, min(pattern.r, pattern.w)
    by_block: Tensor = x[:, : blocks * pattern.w].unflatten(1, (blocks, pattern.w))
    return by_block[:, :, -columns:]


def _is_causal(tile: Tile) -> bool:
    """Say whether the kernel's own causal mask, which costs no bias, is the tile's."""
    return tile.shift == 0 and tile.width is None


def _bias(tile: Tile, dtype: torch.dtype) -> Tensor | None:
    if tile.shift is None or _is_causal(tile):
        return None
    return _bias_matrix(tile.queries.inner, tile.keys.inner, tile.shift, tile.width, dtype)


@lru_cache(maxsize=64)
def _bias_matrix(
    queries: int, keys: int, shift: int, width: int | None, dtype: torch.dtype
) -> Tensor:
    """0 where query a sees key b, -inf elsewhere; see `Tile`. Small, and the same every step."""
    distance = torch.arange(queries)[:, None] + shift - torch.arange(keys)
    hidden = distance < 0
    if width is not None:
        hidden |= distance >= width
    bias: Tensor = torch.zeros(queries, keys, dtype=dtype).masked_fill_(hidden, -torch.inf)
    return bias
