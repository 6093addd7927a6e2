"""Rotary positions (RoPE, arXiv:2104.09864): tables of angles and the rotation itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from chatapp.model.config import ModelConfig, RopeStretch


def rotary_tables(config: ModelConfig, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return cos and sin, each float32 of shape (context_length, head_dim / 2).

    On the meta device nothing is computed: that would load PyTorch's compiler, which takes longer
    than loading a model.
    """
    if device is not None and device.type == "meta":
        empty = torch.empty(config.context_length, config.head_dim // 2, device=device)
        return empty, empty.clone()
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=device)
    frequencies = config.rope_base ** (-exponents / config.head_dim)
    if config.rope_stretch is not None:
        frequencies = _scale(frequencies, config.rope_stretch)
    positions = torch.arange(config.context_length, dtype=torch.float32, device=device)
    angles = positions[:, None] * frequencies
    return angles.cos(), angles.sin()


def _scale(frequencies: Tensor, scaling: RopeStretch) -> Tensor:
    """Stretch the waves; see `RopeStretch`. Frequencies are in radians per token."""
    slow = frequencies / scaling.factor
    if scaling.kind == "linear":
        return slow
    turns = scaling.original_context * frequencies / (2 * math.pi)
    span = scaling.high_frequency - scaling.low_frequency
    fast_share = ((turns - scaling.low_frequency) / span).clamp(0, 1)
    return fast_share * frequencies + (1 - fast_share) * slow


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the two halves of each head vector by its position.

    Args:
        x: (B, H, T, D).
        cos: rows of the table, broadcastable to (B, H, T, D / 2).
        sin: like cos.
    """
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
