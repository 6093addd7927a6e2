"""Attention over part of the keys, and how parts become one softmax again.

A softmax over disjoint sets of keys is the average of the sets' own results, weighted by the
exponentials of their log-sum-exps (LSE). So each set goes through a fused kernel and only its
output and its LSE, never its scores, are written to memory (FlashAttention, arXiv:2205.14135).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Part = tuple[Tensor, Tensor]


def precise_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of scores and sums: float32, or float64 for float64."""
    precise: torch.dtype = torch.promote_types(dtype, torch.float32)
    return precise


def attend_part(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Part:
    """Attend to one set of keys.

    Args:
        q: (B, H, T, D), last dimension contiguous; any strides else, also 0.
        k: (B, H, N, D), likewise.
        v: like k.
        mask: bool (T, N), True where a query sees a key; a query may see none. None: all.

    Returns:
        Output (B, H, T, D) in q's dtype, and LSE (B, H, T) in `precise_dtype`. A query that sees
        no key has output 0 and LSE -inf.
    """
    if q.device.type != "cpu":
        return attend_part_by_definition(q, k, v, mask)
    bias = None
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=q.dtype).masked_fill_(~mask, -torch.inf)
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, attn_mask=bias)
    if mask is not None:  # the kernel says 0 where nothing is seen
        lse = lse.masked_fill(~mask.any(dim=-1), -torch.inf)
    return out, lse


def merge(one: Part, other: Part) -> Part:
    """Merge results over two disjoint sets of keys into the result over their union.

    Both are in the precision of the LSEs. A row that sees no key in either becomes NaN.
    """
    (out, lse), (other_out, other_lse) = one, other
    share = torch.sigmoid(other_lse - lse)[..., None]
    merged = torch.lerp(out.to(lse.dtype), other_out.to(lse.dtype), share)
    return merged, torch.logaddexp(lse, other_lse)


def attend_part_by_definition(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Part:
    """The same with scores in memory, for devices that have no kernel returning the LSE."""
    precise = precise_dtype(q.dtype)
    scores = q.to(precise) @ k.to(precise).transpose(-1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    lse = torch.logsumexp(scores, dim=-1)
    weights = torch.exp(scores - lse.clamp_min(torch.finfo(precise).min)[..., None])
    return (weights @ v.to(precise)).to(q.dtype), lse
