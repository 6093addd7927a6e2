"""Exact attention of every pattern on the CPU, as an operator with gradients.

Each tile of a pattern (`chatapp.kernels.tiles`) is one call of PyTorch's CPU flash attention; see
`chatapp.kernels.slab`. As a custom operator it is opaque to torch.compile: one node in the graph.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from chatapp.kernels.patterns import Pattern
from chatapp.kernels.slab import backward_slab, forward_slab, precise_dtype

SLAB_BYTES = 2**22
"""Heads are worked on a few at a time, so that what a layer of tiles writes is still in the cache
when the next one merges into it; 12 heads at 16,384 tokens go a quarter faster than at once."""


@torch.library.custom_op("chatapp::attend_cpu", mutates_args=())
def attend_cpu(q: Tensor, k: Tensor, v: Tensor, pattern: str, start: int) -> tuple[Tensor, Tensor]:
    """Attend as `chatapp.kernels.attention.attend` says; also return what backward needs.

    Args:
        q: (B, H, T, D), all tensors of one dtype and on the CPU.
        k: (B, Hkv, start + T, D); H is a multiple of Hkv.
        v: like k.
        pattern: as `Pattern.parse` reads it; a custom operator takes no objects.
        start: position of the first query.

    Returns:
        Output like q, and the LSE (B, H, T), float32 or float64; the LSE has no gradient.
    """
    parsed = Pattern.parse(pattern)
    inputs = [_by_group(x, k.shape[1]) for x in (q, k, v)]
    out = torch.empty(inputs[0].shape, dtype=q.dtype)
    lse = torch.empty((*out.shape[:3], 1), dtype=precise_dtype(q.dtype))
    for slab in _slabs(*inputs, out, lse):
        forward_slab(parsed, start, *slab)
    return out.view(q.shape), lse.view(q.shape[:3])


@torch.library.custom_op("chatapp::attend_cpu_backward", mutates_args=())
def attend_cpu_backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    pattern: str,
    start: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v; `grad` is that of the output."""
    parsed = Pattern.parse(pattern)
    inputs = [_by_group(x, k.shape[1]) for x in (q, k, v, out, lse[..., None], grad)]
    grads = [torch.empty(x.shape, dtype=x.dtype) for x in inputs[:3]]
    for slab in _slabs(*inputs, *grads):
        backward_slab(parsed, start, *slab)
    grad_q, grad_k, grad_v = grads
    return grad_q.view(q.shape), grad_k.view(k.shape), grad_v.view(v.shape)


@attend_cpu.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, pattern: str, start: int) -> tuple[Tensor, Tensor]:
    return q.new_empty(q.shape), q.new_empty(q.shape[:3], dtype=precise_dtype(q.dtype))


@attend_cpu_backward.register_fake
def _(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    pattern: str,
    start: int,
) -> tuple[Tensor, Tensor, Tensor]:
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    q, k, v, ctx.pattern, ctx.start = inputs
    ctx.save_for_backward(q, k, v, *output)


def _differentiate(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    gradients = attend_cpu_backward(*ctx.saved_tensors, grad, ctx.pattern, ctx.start)
    return (*gradients, None, None)


attend_cpu.register_autograd(_differentiate, setup_context=_save)


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
