"""Exact attention of every pattern on the CPU, forward and backward.

Each tile of a pattern (`chatapp.kernels.tiles`) is one call of PyTorch's CPU flash attention; see
`chatapp.kernels.slab`. Both functions are what `chatapp.kernels.operator` runs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from chatapp.kernels.partial import precise_dtype
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.slab import backward_slab, forward_slab

SLAB_BYTES = 2**22
"""Heads are worked on a few at a time, so that what a layer of tiles writes is still in the cache
when the next one merges into it; 12 heads at 16,384 tokens go a quarter faster than at once."""


def attend(q: Tensor, k: Tensor, v: Tensor, pattern: Pattern, start: int) -> tuple[Tensor, Tensor]:
    """Return output and log-sum-exp, as `chatapp.kernels.operator.attend_tiled` describes."""
    inputs = [_by_group(x, k.shape[1]) for x in (q, k, v)]
    out = torch.empty(inputs[0].shape, dtype=q.dtype)
    lse = torch.empty((*out.shape[:3], 1), dtype=precise_dtype(q.dtype))
    for slab in _slabs(*inputs, out, lse):
        forward_slab(pattern, start, *slab)
    return out.view(q.shape), lse.view(q.shape[:3])


def attend_backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    pattern: Pattern,
    start: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v; `grad` is that of the output."""
    inputs = [_by_group(x, k.shape[1]) for x in (q, k, v, out, lse[..., None], grad)]
    grads = [torch.empty(x.shape, dtype=x.dtype) for x in inputs[:3]]
    for slab in _slabs(*inputs, *grads):
        backward_slab(pattern, start, *slab)
    grad_q, grad_k, grad_v = grads
    return grad_q.view(q.shape), grad_k.view(k.shape), grad_v.view(v.shape)


def _by_group(x: Tensor, kv_heads: int) -> Tensor:
    """(B, H, T, D) -> (B * Hkv, H / Hkv, T, D), rows contiguous; a copy only if it must be."""
    batch, heads, length, width = x.shape
    if x.stride(-1) != 1:
        x = x.contiguous()
    return x.reshape(batch * kv_heads, heads // kv_heads, length, width)


def _slabs(*tensors: Tensor) -> zip[tuple[Tensor, ...]]:
    """Split all tensors along their first dimension; the first tensor says how far."""
    one = tensors[0][0].numel() * precise_dtype(tensors[0].dtype).itemsize
    return zip(*(x.split(max(1, SLAB_BYTES // one)) for x in tensors), strict=True)
