"""Launches the kernels over whole sequences and chunks, forward and backward."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import triton
from torch import Tensor

from chatapp.kernels.gpu.backward import (
    dot_rows_kernel,
    key_gradient_kernel,
    query_gradient_kernel,
)
from chatapp.kernels.gpu.forward import forward_kernel
from chatapp.kernels.gpu.passes import SUMMARY, Pass, passes_of
from chatapp.kernels.patterns import Pattern


class Blocks(NamedTuple):
    """Sizes of a launch. Chosen by shape, never by a search at run time: no pause, no surprise."""

    queries: int
    keys: int
    warps: int
    stages: int


def forward(q: Tensor, k: Tensor, v: Tensor, pattern: Pattern, start: int) -> tuple[Tensor, Tensor]:
    """Attend; shapes as in `chatapp.kernels.operator.attend_tiled`, float32 or narrower.

    Returns:
        Output (B, H, T, D) in q's dtype and float32 log-sum-exp (B, H, T), both contiguous.
    """
    q, k, v = (_unit_columns(x) for x in (q, k, v))
    batch, heads, length, width = q.shape
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    lse = torch.empty(q.shape[:3], dtype=torch.float32, device=q.device)
    for index, each in enumerate(passes_of(pattern)):
        rows = -(-length // each.step)
        blocks = _forward_blocks(q.dtype, width, rows)
        grid = (triton.cdiv(rows, blocks.queries) * each.step, heads, batch)
        forward_kernel[grid](
            q, k, v, out, lse,
            *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
            heads // k.shape[1], start, start + length, *each[1:], 1 / math.sqrt(width),
            MODE=each.mode, CONTINUE=index > 0,
            D=width, BLOCK_D=block_width(width), **_options(blocks),
        )  # fmt: skip
    return out, lse


def backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    pattern: Pattern,
    start: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v, contiguous; `grad` is that of `out`."""
    q, k, v = (_unit_columns(x) for x in (q, k, v))
    grad, passes = grad.contiguous(), passes_of(pattern)
    delta = _dot_rows(grad, out.contiguous())
    # what later passes add to must not be rounded in between
    wide = torch.float32 if len(passes) > 1 else q.dtype
    grads = [torch.empty(x.shape, dtype=wide, device=x.device) for x in (q, k, v)]
    tensors = (q, k, v, grad, lse.contiguous(), delta)
    for index, each in enumerate(passes):
        _launch_backward(tensors, grads, each, start, add=index > 0)
    grad_q, grad_k, grad_v = (x.to(q.dtype) for x in grads)
    return grad_q, grad_k, grad_v


def _launch_backward(
    tensors: tuple[Tensor, ...], grads: list[Tensor], each: Pass, start: int, *, add: bool
) -> None:
    q, k, v = tensors[:3]
    batch, heads, length, width = q.shape
    stop = start + length
    arguments = (
        *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
        heads // k.shape[1], start, stop, *each[1:], 1 / math.sqrt(width),
    )  # fmt: skip
    constants = {"MODE": each.mode, "ADD": add, "D": width, "BLOCK_D": block_width(width)}

    rows = -(-length // each.step)
    blocks = _query_gradient_blocks(q.dtype, width, rows)
    query_gradient_kernel[triton.cdiv(rows, blocks.queries) * each.step, heads, batch](
        *tensors, grads[0], *arguments, **constants, **_options(blocks)
    )
    rows = stop // each.far * each.columns if each.mode == SUMMARY else -(-stop // each.step)
    if rows == 0:  # no block is complete yet, so there is no summary
        return
    blocks = _key_gradient_blocks(q.dtype, width, rows)
    key_gradient_kernel[triton.cdiv(rows, blocks.keys) * each.step, k.shape[1], batch](
        *tensors, *grads[1:], *arguments, **constants, **_options(blocks)
    )


def _dot_rows(a: Tensor, b: Tensor) -> Tensor:
    rows, width = a.numel() // a.shape[-1], a.shape[-1]
    result = torch.empty(a.shape[:-1], dtype=torch.float32, device=a.device)
    dot_rows_kernel[(triton.cdiv(rows, 64),)](
        a, b, result, rows, D=width, BLOCK_D=block_width(width), BLOCK=64
    )
    return result


def _options(blocks: Blocks) -> dict[str, int]:
    return {
        "BLOCK_M": blocks.queries,
        "BLOCK_N": blocks.keys,
        "num_warps": blocks.warps,
        "num_stages": blocks.stages,
    }


def _unit_columns(x: Tensor) -> Tensor:
    return x if x.stride(-1) == 1 else x.contiguous()


def block_width(width: int) -> int:
    """Return the columns of a block that holds `width`: a power of 2, at least 16."""
    return max(16, triton.next_power_of_2(width))


def _forward_blocks(dtype: torch.dtype, width: int, rows: int) -> Blocks:
    if dtype == torch.float32 or width > 128:
        blocks = Blocks(64, 32, 4, 2)
    elif width > 64:
        blocks = Blocks(128, 64, 8, 3)
    else:
        blocks = Blocks(128, 64, 4, 3)
    return blocks._replace(queries=_at_most(rows, blocks.queries))


def _query_gradient_blocks(dtype: torch.dtype, width: int, rows: int) -> Blocks:
    narrow = dtype == torch.float32 or width > 128
    blocks = Blocks(64, 32, 4, 2) if narrow else Blocks(128, 32, 4 if width <= 64 else 8, 3)
    return blocks._replace(queries=_at_most(rows, blocks.queries))


def _key_gradient_blocks(dtype: torch.dtype, width: int, rows: int) -> Blocks:
    narrow = dtype == torch.float32 or width > 128
    blocks = Blocks(32, 64, 4, 2) if narrow else Blocks(32, 128, 4 if width <= 64 else 8, 3)
    return blocks._replace(keys=_at_most(rows, blocks.keys))


def _at_most(rows: int, size: int) -> int:
    """Return a power of 2 that wastes no more than half a block on few rows; at least 16."""
    return min(size, max(16, triton.next_power_of_2(rows)))
