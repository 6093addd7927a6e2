"""The GPT: one configurable decoder-only transformer.

Pre-norm blocks with RMSNorm (arXiv:1910.07467), rotary positions (RoPE, arXiv:2104.09864),
grouped-query attention (arXiv:2305.13245), query-key normalisation (arXiv:2010.04245) and SwiGLU
(arXiv:2002.05202), which is the better feed-forward when data are limited. Attention patterns
alternate by layer; see `chatapp.kernels.patterns`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from chatapp.kernels.attention import attend
from chatapp.model.cache import KeyValueCache
from chatapp.model.config import ModelConfig


class GPT(nn.Module):
    """Token ids in, next-token logits out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.final_norm = nn.RMSNorm(config.d_model, eps=config.norm_eps)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight
        self.cos: Tensor
        self.sin: Tensor
        self.reset_rotary_tables()

    def reset_rotary_tables(self) -> None:
        """Compute the rotary tables anew, e.g. after building on the meta device."""
        cos, sin = rotary_tables(self.config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw fresh weights: scaled normals, output projections and head near zero.

        Zero output projections make every block the identity at the start, which lets deep
        stacks take large steps at once (nanochat, modded-nanogpt).
        """
        width = self.config.d_model
        for name, weight in self.named_parameters():
            if weight.ndim < 2:
                nn.init.ones_(weight)
            elif name.endswith(("output.weight", "down.weight")):
                nn.init.zeros_(weight)
            else:
                std = {"embedding.weight": 0.5, "head.weight": 0.001}.get(name, width**-0.5)
                nn.init.normal_(weight, std=std, generator=generator)

    def hidden(self, tokens: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Return the normalised last hidden states.

        Args:
            tokens: int64, shape (B, T).
            cache: keys and values of what came before; extended by these T positions.

        Returns:
            (B, T, d_model).
        """
        start = cache.length if cache is not None else 0
        stop = start + tokens.shape[1]
        cos, sin = self.cos[start:stop], self.sin[start:stop]
        x = functional.rms_norm(self.embedding(tokens), (self.config.d_model,))
        for block in self.blocks:
            x = block(x, cos, sin, cache)
        if cache is not None:
            cache.advance(tokens.shape[1])
        return self.final_norm(x)  # type: ignore[no-any-return]

    def forward(self, tokens: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Return logits, shape (B, T, vocab_size), float32."""
        return self.head(self.hidden(tokens, cache)).float()  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then feed-forward, each around a residual."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.d_model, eps=config.norm_eps)
        self.attention = Attention(config, layer)
        self.mlp_norm = nn.RMSNorm(config.d_model, eps=config.norm_eps)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: KeyValueCache | None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin, cache)
        return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Causal self-attention with the pattern of its layer."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.pattern = config.pattern(layer)
        self.n_heads, self.n_kv_heads = config.n_heads, config.n_kv_heads
        self.head_dim = config.head_dim
        self.query = nn.Linear(config.d_model, config.n_heads * config.head_dim, bias=False)
        self.key = nn.Linear(config.d_model, config.n_kv_heads * config.head_dim, bias=False)
        self.value = nn.Linear(config.d_model, config.n_kv_heads * config.head_dim, bias=False)
        self.output = nn.Linear(config.n_heads * config.head_dim, config.d_model, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: KeyValueCache | None) -> Tensor:
        batch, length, _ = x.shape
        q = self.query(x).view(batch, length, self.n_heads, self.head_dim).transpose(1, 2)
        k = self.key(x).view(batch, length, self.n_kv_heads, self.head_dim).transpose(1, 2)
        v = self.value(x).view(batch, length, self.n_kv_heads, self.head_dim).transpose(1, 2)
        q, k = rotate(unit_rms(q), cos, sin), rotate(unit_rms(k), cos, sin)
        if cache is None:
            mixed = attend(self.pattern, q, k, v)
        else:
            mixed = cache.attend(self.layer, self.pattern, q, k, v)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))  # type: ignore[no-any-return]


class SwiGLU(nn.Module):
    """Gated feed-forward: `down(silu(gate(x)) * up(x))`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.up = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))  # type: ignore[no-any-return]


def unit_rms(x: Tensor) -> Tensor:
    """Scale each head vector to unit root mean square: bounds attention logits."""
    return functional.rms_norm(x, (x.shape[-1],))


def rotary_tables(config: ModelConfig) -> tuple[Tensor, Tensor]:
    """Return cos and sin, each float32 of shape (context_length, head_dim / 2)."""
    frequencies = config.rope_base ** (
        -torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    )
    angles = torch.arange(config.context_length, dtype=torch.float32)[:, None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the two halves of each head vector by its position; x is (B, H, T, D)."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
