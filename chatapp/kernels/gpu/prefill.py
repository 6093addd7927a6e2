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
    """Sizes of a launch."""

    queries: int
    keys: int
    warps: int
    stages: int


# For numbers of two bytes and heads of up to 64 and up to 128 columns, for four bytes and up to
# 64, and for anything larger. Fixed instead of searched for at run time, so that no length makes a
# pause; chosen so that compiled for Hopper (sm_90) hardly any registers spill.
FORWARD = (Blocks(128, 64, 4, 3), Blocks(128, 64, 8, 3), Blocks(64, 32, 8, 2), Blocks(32, 16, 8, 2))
OF_QUERIES = (
    Blocks(64, 64, 4, 3),
    Blocks(64, 64, 8, 3),
    Blocks(32, 32, 8, 2),
    Blocks(16, 16, 4, 2),
)
OF_KEYS = (Blocks(64, 64, 8, 3), Blocks(32, 64, 8, 3), Blocks(32, 32, 8, 2), Blocks(16, 16, 4, 2))


def attend(q: Tensor, k: Tensor, v: Tensor, pattern: Pattern, start: int) -> tuple[Tensor, Tensor]:
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
        blocks = _blocks(FORWARD, q)
        blocks = blocks._replace(queries=_at_most(rows, blocks.queries))
        grid = (triton.cdiv(rows, blocks.queries) * each.step, heads, batch)
        forward_kernel[grid](
            q, k, v, out, lse,
            *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
            heads // k.shape[1], start, start + length, *each[1:], 1 / math.sqrt(width),
            MODE=each.mode, CONTINUE=index > 0,
            D=width, BLOCK_D=block_width(width), **_options(blocks),
        )  # fmt: skip
    return out, lse


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
    blocks = _blocks(OF_QUERIES, q)
    blocks = blocks._replace(queries=_at_most(rows, blocks.queries))
    query_gradient_kernel[triton.cdiv(rows, blocks.queries) * each.step, heads, batch](
        *tensors, grads[0], *arguments, **constants, **_options(blocks)
    )
    rows = stop // each.far * each.columns if each.mode == SUMMARY else -(-stop // each.step)
    if rows == 0:  # no block is complete yet, so there is no summary
        return
    blocks = _blocks(OF_KEYS, q)
    blocks = blocks._replace(keys=_at_most(rows, blocks.keys))
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
    return max(16, int(triton.next_power_of_2(width)))


def _blocks(table: tuple[Blocks, ...], q: Tensor) -> Blocks:
    width = q.shape[-1]
    if q.itemsize == 2 and width <= 128:
        return table[0] if width <= 64 else table[1]
    return table[2] if width <= 64 else table[3]


def _at_most(rows: int, size: int) -> int:
    """Return a power of 2 that wastes no more than half a block on few rows; at least 16."""
    return min(size, max(16, int(triton.next_power_of_2(rows))))
