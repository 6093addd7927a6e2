"""The encoder under the reader: attention over question and passage together, over word pieces.

The thing to know: it is the post-norm encoder of BERT (Devlin et al. 2019) at the sizes of MiniLM
(Wang et al. 2020), written down here so that its inputs can carry what the reader is told about
each word; `transformers` gives the same states from the same weights (a test holds that).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OFF = -1e4  # the logit of what cannot be


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder: `pieces` of its vocabulary, `longest` sequence it can read."""

    pieces: int
    width: int = 384
    heads: int = 12
    inner: int = 1536
    layers: int = 6
    longest: int = 512


class Layer(nn.Module):
    """Self-attention and a feed-forward network, each followed by its residual and its norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.mix = nn.Linear(width, 3 * width)  # queries, keys, values
        self.out = nn.Linear(width, width)
        self.mixed_norm = nn.LayerNorm(width, eps=1e-12)
        self.inward = nn.Linear(width, shape.inner)
        self.outward = nn.Linear(shape.inner, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, off: Tensor, dropout: float) -> Tensor:
        """Return (batch, length, width); `off` (batch, 1, 1, length) is -1e4 at padding."""
        batch, length, width = x.shape
        parts = self.mix(x).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        seen = (
            _weighed(q, k, v, off)
            if self.training
            else F.scaled_dot_product_attention(q, k, v, off)
        )
        seen = seen.transpose(1, 2).reshape(batch, length, width)
        x = self.mixed_norm(x + dropped(self.out(seen), dropout, self.training))
        inner = self.outward(F.gelu(self.inward(x)))
        read: Tensor = self.norm(x + dropped(inner, dropout, self.training))
        return read


class Encoder(nn.Module):
    """Piece ids to states, (batch, length) to (batch, length, width)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.pieces = nn.Embedding(shape.pieces, shape.width)
        self.places = nn.Embedding(shape.longest, shape.width)
        self.types = nn.Embedding(2, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, ids: Tensor, types: Tensor, told: Tensor | None, dropout: float) -> Tensor:
        """Read `ids`, 0 at padding; `types` is 0 or 1; `told`, of the result's shape, is added."""
        x = self.pieces(ids) + self.places.weight[: ids.shape[1]] + self.types(types)
        x = self.norm(x if told is None else x + told)
        if torch.is_autocast_enabled(ids.device.type):
            x = x.to(torch.bfloat16)
        off = ((ids == 0) * OFF).to(x.dtype)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, off, dropout)
        states: Tensor = x
        return states


def _weighed(q: Tensor, k: Tensor, v: Tensor, off: Tensor) -> Tensor:
    """Return the attention of the fused kernel by plain products: in training on a CPU quicker."""
    scores = (q @ k.transpose(2, 3)) * q.shape[3] ** -0.5 + off
    seen: Tensor = scores.softmax(3).to(v.dtype) @ v
    return seen


def dropped(x: Tensor, chance: float, training: bool) -> Tensor:
    """Drop whole channels of an example: as good here as single values, and far cheaper."""
    if not training or not chance:
        return x
    kept = (torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= chance) / (1 - chance)
    return x * kept.to(x.dtype)
