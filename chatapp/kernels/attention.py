"""The one entry to attention over a sequence: picks the fastest exact way.

| where                              | how                                                   |
|------------------------------------|-------------------------------------------------------|
| dense, from the start or one query | PyTorch's fused attention                             |
| a CPU, from `TILED_FROM` keys on   | tiles through fused attention (`chatapp.kernels.cpu`) |
| a CUDA device with Triton          | our own kernels (`chatapp.kernels.gpu`)               |
| otherwise                          | PyTorch's fused attention with the pattern as a mask  |

All are differentiable and fit torch.compile. For a step over a cache in its own layouts see
`chatapp.kernels.step`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from chatapp.kernels import gpu
from chatapp.kernels.operator import attend_tiled
from chatapp.kernels.patterns import Pattern

TILED_FROM = 1024
"""Keys from which tiles beat the mask on a CPU; `benchmarks/attention.py` measures it."""


def attend(pattern: Pattern, q: Tensor, k: Tensor, v: Tensor, start: int = 0) -> Tensor:
    """Attend from positions `start..` to all positions so far.

    Args:
        pattern: which keys a query sees.
        q: (B, H, T, D), any float dtype; under autocast, its dtype counts.
        k: (B, Hkv, start + T, D), after rotary embedding; H is a multiple of Hkv.
        v: like k.
        start: position of the first query; more than 0 when a cache holds what came before.

    Returns:
        (B, H, T, D) in q's dtype, or autocast's.
    """
    if pattern.kind == "dense" and (start == 0 or q.shape[2] == 1):
        return _fused(q, k, v, is_causal=start == 0)
    if gpu.supports(q) or (q.device.type == "cpu" and k.shape[2] >= TILED_FROM):
        if torch.is_autocast_enabled(q.device.type):
            dtype = torch.get_autocast_dtype(q.device.type)
            q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
        out: Tensor = attend_tiled(q, k, v, str(pattern), start)[0]
        return out
    return _fused(q, k, v, mask=pattern.mask(start, k.shape[2], q.device))


def _fused(
    q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, is_causal: bool = False
) -> Tensor:
    return functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=is_causal, enable_gqa=q.shape[1] != k.shape[1]
    )
