"""The reference every fast attention path is tested against: a dense mask in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chatapp.kernels.patterns import Pattern


def attend_oracle(pattern: Pattern, q: Tensor, k: Tensor, v: Tensor, start: int = 0) -> Tensor:
    """Attention by the definition, with no shortcut.

    Args:
        pattern: which keys a query sees.
        q: (B, H, Tq, D); the queries stand at positions `start..start+Tq-1`.
        k: (B, Hkv, Tk, D) with Tk == start + Tq; H is a multiple of Hkv (grouped-query attention).
        v: like k.

    Returns:
        float64, shape (B, H, Tq, D).
    """
    groups = q.shape[1] // k.shape[1]
    k64 = k.double().repeat_interleave(groups, dim=1)
    v64 = v.double().repeat_interleave(groups, dim=1)
    scores = q.double() @ k64.transpose(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~pattern.mask(start, k.shape[2], q.device), -torch.inf)
    return torch.softmax(scores, dim=-1) @ v64
