"""Exact attention for every pattern in plain PyTorch: whole sequence, continued chunk, one step.

`dense` goes to PyTorch's fused attention. `sparse(w, r)` is split in two disjoint key sets: the
local band (distances 0..w-1), computed chunk against chunk in natural order, and the strided rest
(distances >= w), computed class-major, i.e. among positions with the same `j mod r`. Both score
blocks enter one softmax, so the result is exact and autograd gives the backward. Memory is
O(T * (2w + T/r)) instead of O(T * T). The other patterns run through a boolean mask.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from chatapp.kernels.patterns import Pattern


def attend(pattern: Pattern, q: Tensor, k: Tensor, v: Tensor, start: int = 0) -> Tensor:
    """Attend from positions `start..` to all positions so far.

    Args:
        pattern: which keys a query sees.
        q: (B, H, Tq, D), any float dtype.
        k: (B, Hkv, start + Tq, D), after rotary embedding; H is a multiple of Hkv.
        v: like k.
        start: position of the first query; more than 0 when a cache holds what came before.

    Returns:
        (B, H, Tq, D) in q's dtype.
    """
    if start and q.shape[2] == 1:
        return _attend_step(pattern, q, k, v)
    if pattern.kind == "dense" and start == 0:
        return _fused(q, k, v, is_causal=True)
    # Below w + r tokens the band covers nearly everything: the split would only add work.
    if pattern.kind == "sparse" and start == 0 and q.shape[2] > pattern.w + pattern.r:
        groups = q.shape[1] // k.shape[1]
        return _attend_sparse(
            pattern, q, k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        )
    return _fused(q, k, v, mask=pattern.mask(start, k.shape[2], q.device))


def _fused(
    q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, is_causal: bool = False
) -> Tensor:
    return functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=is_causal, enable_gqa=q.shape[1] != k.shape[1]
    )


def _attend_step(pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One query, at the last position: read only the keys the pattern shows it."""
    length = k.shape[2]
    if pattern.kind == "local":
        first = max(0, length - pattern.w)
        k, v = k[:, :, first:], v[:, :, first:]
    elif pattern.kind == "strided":
        phase = (length - 1) % pattern.r
        k, v = k[:, :, phase :: pattern.r], v[:, :, phase :: pattern.r]
    elif pattern.kind == "sparse":
        first = max(0, length - pattern.w)
        phase = (length - 1) % pattern.r
        far = slice(phase, first, pattern.r)
        k = torch.cat((k[:, :, far], k[:, :, first:]), dim=2)
        v = torch.cat((v[:, :, far], v[:, :, first:]), dim=2)
    elif pattern.kind == "fixed":
        return _fused(q, k, v, mask=pattern.mask(length - 1, length, q.device))
    return _fused(q, k, v)


def _attend_sparse(pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`sparse(w, r)` over a whole sequence; q, k, v are (B, H, T, D) with equal heads.

    Scores are float32 at least, as in fused attention, unless autocast asks for speed instead.
    """
    length, width, dtype = q.shape[2], pattern.w, q.dtype
    precise = torch.promote_types(dtype, torch.float32)
    q, k, v = q.to(precise), k.to(precise), v.to(precise)
    near = _local_scores(q, k, width)
    far = _strided_scores(q, k, pattern)
    # one softmax over both disjoint sets of keys: the exact union
    weights = torch.softmax(torch.cat((near, far), dim=-1), dim=-1, dtype=precise)
    near_weights, far_weights = torch.split(weights, [near.shape[-1], far.shape[-1]], dim=-1)
    near_values = _local_values(near_weights, v, width)[:, :, :length]
    return (near_values + _strided_values(far_weights, v, pattern.r)).to(dtype)


def _chunks_with_previous(x: Tensor, width: int) -> Tensor:
    """(B, H, T, D) -> (B, H, n, 2w, D): each chunk of w rows with the chunk before it."""
    chunks = _cut(x, width)
    previous = functional.pad(chunks, (0, 0, 0, 0, 1, 0))[:, :, :-1]
    return torch.cat((previous, chunks), dim=3)


def _local_scores(q: Tensor, k: Tensor, width: int) -> Tensor:
    """Scores of the band `0 <= i - j < w`, -inf elsewhere: (B, H, T, 2w)."""
    chunks = _cut(q, width)
    scores = chunks @ _chunks_with_previous(k, width).transpose(-1, -2) / math.sqrt(q.shape[-1])
    rows = torch.arange(width, device=q.device)[:, None]
    columns = torch.arange(2 * width, device=q.device)[None, :]
    distance = rows + width - columns
    band = (distance >= 0) & (distance < width)
    first = band & (columns >= width)  # the first chunk has none before it
    bands = torch.cat((first[None], band.expand(chunks.shape[2] - 1, -1, -1)))
    return scores.masked_fill(~bands, -torch.inf).flatten(2, 3)[:, :, : q.shape[2]]


def _local_values(weights: Tensor, v: Tensor, width: int) -> Tensor:
    return (_cut(weights, width) @ _chunks_with_previous(v, width)).flatten(2, 3)


def _strided_scores(q: Tensor, k: Tensor, pattern: Pattern) -> Tensor:
    """Scores at distances that are multiples of r and >= w, -inf elsewhere: (B, H, T, T/r)."""
    scores = _by_class(q, pattern.r) @ _by_class(k, pattern.r).transpose(-1, -2)
    scores = scores / math.sqrt(q.shape[-1])
    steps = torch.arange(scores.shape[-1], device=q.device)
    # r * (a - b) >= w, in whole steps of the class
    far = steps[:, None] - steps[None, :] >= -(-pattern.w // pattern.r)
    return _natural_order(scores.masked_fill(~far, -torch.inf))[:, :, : q.shape[2]]


def _strided_values(weights: Tensor, v: Tensor, r: int) -> Tensor:
    return _natural_order(_by_class(weights, r) @ _by_class(v, r))[:, :, : v.shape[2]]


def _by_class(x: Tensor, r: int) -> Tensor:
    """(B, H, T, D) -> (B, H, r, ceil(T / r), D), class-major: class c holds positions c mod r."""
    return _cut(x, r).transpose(2, 3)


def _natural_order(x: Tensor) -> Tensor:
    """Inverse of `_by_class`, padding still at the end."""
    return x.transpose(2, 3).flatten(2, 3)


def _cut(x: Tensor, size: int) -> Tensor:
    """(B, H, T, D) -> (B, H, ceil(T / size), size, D), the last piece filled up with zeros."""
    batch, heads, length, width = x.shape
    padded = functional.pad(x, (0, 0, 0, -length % size))
    return padded.view(batch, heads, -1, size, width)
