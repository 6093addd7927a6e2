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


def attend_part(
    q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False
) -> Part:
    """Attend to one set of keys.

    Args:
        q: (B, H, T, D), last dimension contiguous; any strides else, also 0.
        k: (B, H, N, D), likewise.
        v: like k.
        mask: bool (T, N), True where a query sees a key; a query may see none.
        causal: query i sees keys 0..i (of the N given).

    Returns:
        Output (B, H, T, D) in q's dtype, and LSE (B, H, T), float32 or q's dtype if that is
        wider. A query that sees no key has output 0 and LSE -inf.
    """
    if q.device.type != "cpu":
        return _attend_part_by_definition(q, k, v, mask, causal)
    bias = None
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=q.dtype).masked_fill_(~mask, -torch.inf)
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, is_causal=causal, attn_mask=bias
    )
    if mask is not None:  # the kernel says 0 where nothing is seen
        lse = lse.masked_fill(~mask.any(dim=-1), -torch.inf)
    return out, lse


def merge_parts(parts: list[Part]) -> Part:
    """Merge results over disjoint sets of keys into the result over their union.

    Weights are computed in the precision of the LSEs; the output keeps its dtype. At least one
    part must see a key in every row, else the row is NaN.
    """
    if len(parts) == 1:
        return parts[0]
    total = torch.logsumexp(torch.stack([lse for _, lse in parts]), dim=0)
    merged = sum(out * (lse - total).exp()[..., None] for out, lse in parts)
    assert isinstance(merged, Tensor)
    return merged.to(parts[0][0].dtype), total


def _attend_part_by_definition(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool
) -> Part:
    """The same with scores in memory, for devices that have no kernel returning the LSE."""
    precise = torch.promote_types(q.dtype, torch.float32)
    scores = q.to(precise) @ k.to(precise).transpose(-1, -2) / math.sqrt(q.shape[-1])
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    lse = torch.logsumexp(scores, dim=-1)
    weights = torch.exp(scores - lse.clamp_min(torch.finfo(precise).min)[..., None])
    return (weights @ v.to(precise)).to(q.dtype), lse
