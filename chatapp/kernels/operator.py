"""Attention of a pattern as one operator with gradients, whatever kernels serve the device.

As a custom operator it is opaque to torch.compile, one node in the graph, and PyTorch's own
machinery for dispatch, shapes and autograd applies to it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from chatapp.kernels import cpu, gpu
from chatapp.kernels.partial import precise_dtype
from chatapp.kernels.patterns import Pattern


@torch.library.custom_op("chatapp::attend", mutates_args=(), device_types="cpu")
def attend_tiled(
    q: Tensor, k: Tensor, v: Tensor, pattern: str, start: int
) -> tuple[Tensor, Tensor]:
    """Attend as `chatapp.kernels.attention.attend` says; also return what backward needs.

    Args:
        q: (B, H, T, D), all tensors of one dtype and on one device.
        k: (B, Hkv, start + T, D); H is a multiple of Hkv.
        v: like k.
        pattern: as `Pattern.parse` reads it; a custom operator takes no objects.
        start: position of the first query.

    Returns:
        Output, contiguous, like q, and the log-sum-exp (B, H, T), float32 or float64, which has no
        gradient of its own.
    """
    return cpu.attend(q, k, v, Pattern.parse(pattern), start)


@torch.library.custom_op("chatapp::attend_backward", mutates_args=(), device_types="cpu")
def attend_tiled_backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    pattern: str,
    start: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v, contiguous; `grad` is that of the output."""
    return cpu.attend_backward(q, k, v, out, lse, grad, Pattern.parse(pattern), start)


attend_tiled.register_kernel("cuda", gpu.attend)
attend_tiled_backward.register_kernel("cuda", gpu.attend_backward)


@attend_tiled.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, pattern: str, start: int) -> tuple[Tensor, Tensor]:
    return q.new_empty(q.shape), q.new_empty(q.shape[:3], dtype=precise_dtype(q.dtype))


@attend_tiled_backward.register_fake
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
    gradients = attend_tiled_backward(*ctx.saved_tensors, grad, ctx.pattern, ctx.start)
    return (*gradients, None, None)


attend_tiled.register_autograd(_differentiate, setup_context=_save)
