"""Launches the decode kernels; `chatapp.kernels.step` describes layouts and arguments."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
import triton
from torch import Tensor

from chatapp.kernels.gpu import decode
from chatapp.kernels.gpu.passes import UNLIMITED
from chatapp.kernels.gpu.prefill import block_width
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews, KeyValue

KEYS = 64
"""Key rows that a program loads at a time."""


class Plan(NamedTuple):
    """Where a step finds its keys, in the terms of `share_kernel`, and how many at most."""

    near: KeyValue | None
    far: KeyValue | None
    near_kind: int
    far_kind: int
    most_keys: int
    window: int = 1
    stride: int = 1
    skip: int = 0
    columns: int = 1


def attend_step(pattern: Pattern, q: Tensor, views: CacheViews, lengths: Tensor) -> Tensor:
    """As `chatapp.kernels.step.attend_step`, for float32 and narrower, without synchronising.

    Here a sequence may also be empty (length 0, a free slot of a batch): its output is 0.

    Raises:
        ValueError: keys and values of a layout do not lie alike, with contiguous columns.
    """
    plan = _plan(pattern, views)
    (near_k, near_v), (far_k, far_v) = _pair(plan.near, plan.far), _pair(plan.far, plan.near)
    batch, heads, tokens, width = q.shape
    kv_heads = near_k.shape[1]
    group = heads // kv_heads
    shares = _shares(batch * kv_heads * tokens, plan.most_keys, q.device)
    out = torch.empty((batch, heads, tokens, width), dtype=q.dtype, device=q.device)
    parts = out
    if shares > 1:
        parts = torch.empty((*out.shape[:3], shares, width), dtype=torch.float32, device=q.device)
    lse = torch.empty((*out.shape[:3], shares), dtype=torch.float32, device=q.device)
    q = q if q.stride(-1) == 1 else q.contiguous()
    far_strides = far_k.stride() if far_k.ndim == 5 else (*far_k.stride()[:2], 0, far_k.stride(2))
    decode.share_kernel[shares, kv_heads * tokens, batch](
        q, near_k, near_v, far_k, far_v, lengths.to(q.device), parts, lse,
        *q.stride()[:3], *near_k.stride()[:3], *far_strides[:4],
        near_k.shape[2], plan.window, plan.stride, plan.skip, plan.columns, tokens,
        1 / math.sqrt(width),
        NEAR=plan.near_kind, FAR=plan.far_kind, G=group,
        BLOCK_G=max(16, triton.next_power_of_2(group)),
        D=width, BLOCK_D=block_width(width), BLOCK_N=KEYS, num_warps=4,
        num_stages=3 if width * q.itemsize <= 512 else 1,  # what fits the shared memory
    )  # fmt: skip
    if shares > 1:
        decode.merge_kernel[(batch * heads * tokens,)](
            parts, lse, out, SHARES=shares, D=width, BLOCK_D=block_width(width)
        )
    return out


def _plan(pattern: Pattern, views: CacheViews) -> Plan:
    nothing, window, block, classes, summary = (kind.value for kind in decode.KINDS)
    full, ring, by_class = views
    w, r = pattern.w, pattern.r
    capacity = full[0].shape[2] if full else 0
    rows = by_class[0].shape[3] if by_class else 0
    match pattern.kind:
        case "local":
            return Plan(ring, None, window, nothing, w, window=w)
        case "strided":
            return Plan(None, by_class, nothing, classes, rows, stride=r)
        case "sparse":
            return Plan(ring, by_class, window, classes, w + rows, w, r, skip=-(-w // r))
        case "fixed":
            columns = min(w, r)
            most = w + capacity // w * columns
            return Plan(full, full, block, summary, most, window=w, columns=columns)
        case _:
            return Plan(full, None, window, nothing, capacity, window=UNLIMITED)


def _pair(place: KeyValue | None, instead: KeyValue | None) -> KeyValue:
    """Return a place's keys and values; where there is none, others that are never read."""
    pair = place or instead
    assert pair is not None
    if pair[0].stride() != pair[1].stride() or pair[0].stride(-1) != 1:
        raise ValueError("keys and values of a cache must lie alike, with contiguous columns")
    return pair


def _shares(programs: int, most_keys: int, device: torch.device) -> int:
    """Return in how many shares, a power of 2, to split the keys so as to fill the device."""
    wanted = max(1, 2 * _processors(device) // programs)
    useful = max(1, most_keys // KEYS)
    return int(2 ** int(math.log2(min(wanted, useful, 64))))


@lru_cache
def _processors(device: torch.device) -> int:
    if device.type != "cuda":  # Triton's interpreter
        return 4
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
