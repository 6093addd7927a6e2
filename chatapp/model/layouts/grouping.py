"""Views of attention tensors: by class of position, by group of query heads."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_FEW = 16  # new tokens: one when decoding, some when guesses are verified


def is_few(start: int, q: Tensor) -> bool:
    """Say whether q (B, H, T, D) at `start` is a step over a cache rather than a chunk of text."""
    return start > 0 and q.shape[2] <= _FEW


def ends(start: int, q: Tensor) -> Tensor:
    """Return the lengths (B,) of rows whose newest tokens are q (B, H, T, D) at `start`."""
    return torch.full((q.shape[0],), start + q.shape[2], device=q.device)


def precise(x: Tensor) -> Tensor:
    """At least float32, as fused attention computes inside."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def to_classes(x: Tensor, offset: int, r: int) -> Tensor:
    """(B, H, T, n) whose first row has class `offset` -> (B, H, r, m, n), zeros where none is."""
    x = functional.pad(x, (0, 0, offset, -(offset + x.shape[2]) % r))
    return x.unflatten(2, (-1, r)).transpose(2, 3)  # type: ignore[no-any-return]


def from_classes(x: Tensor, offset: int, length: int) -> Tensor:
    """Inverse of `to_classes`."""
    return x.transpose(2, 3).flatten(2, 3)[:, :, offset : offset + length]


def fold(x: Tensor, kv_heads: int) -> Tensor:
    """(B, H, ..., T, n) -> (B, Hkv, ..., G * T, n): all that share a key head in one matrix."""
    x = x.unflatten(1, (kv_heads, -1))
    return x.movedim(2, -3).flatten(-3, -2)


def unfold(x: Tensor, heads: int) -> Tensor:
    """Inverse of `fold`."""
    groups = heads // x.shape[1]
    return x.unflatten(-2, (groups, -1)).movedim(-3, 2).flatten(1, 2)  # type: ignore[no-any-return]
