"""Triton kernels of every pattern, for CUDA devices and for Triton's interpreter on a CPU.

This module may be imported where Triton is missing; its kernels are loaded when first used.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor

from chatapp.kernels.patterns import Pattern

WIDEST_HEAD = 256


def supports(q: Tensor) -> bool:
    """Say whether the kernels can serve queries of this device, dtype and head width."""
    narrow = q.dtype in (torch.float32, torch.bfloat16, torch.float16)
    return q.device.type == "cuda" and narrow and q.shape[-1] <= WIDEST_HEAD and _installed()


def attend(q: Tensor, k: Tensor, v: Tensor, pattern: str, start: int) -> tuple[Tensor, Tensor]:
    """Return output and log-sum-exp, as `chatapp.kernels.operator.attend_tiled` describes."""
    from chatapp.kernels.gpu import prefill

    return prefill.attend(q, k, v, Pattern.parse(pattern), start)


def attend_backward(
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
    from chatapp.kernels.gpu import prefill

    return prefill.attend_backward(q, k, v, out, lse, grad, Pattern.parse(pattern), start)


@lru_cache
def _installed() -> bool:
    return find_spec("triton") is not None
