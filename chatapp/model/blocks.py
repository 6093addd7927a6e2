"""The parts of a GPT layer: normalisation, attention, feed-forward, and how they are joined."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from chatapp.kernels.attention import attend
from chatapp.model.cache import AttentionCache
from chatapp.model.config import ModelConfig
from chatapp.model.rope import rotate


class Block(nn.Module):
    """Attention, then feed-forward, each around a residual.

    Pre-norm normalises what a sub-layer reads; post-norm (GPT-1) the sum it is added to.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.pre_norm = config.norm_placement == "pre"
        self.attention_norm = make_norm(config)
        self.attention = Attention(config, layer)
        self.mlp_norm = make_norm(config)
        self.mlp = SwiGLU(config) if config.mlp == "swiglu" else Gelu(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: AttentionCache | None) -> Tensor:
        if self.pre_norm:
            x = x + self.attention(self.attention_norm(x), cos, sin, cache)
            return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]
        x = self.attention_norm(x + self.attention(x, cos, sin, cache))
        return self.mlp_norm(x + self.mlp(x))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Causal self-attention with the pattern of its layer."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.pattern = config.pattern(layer)
        self.n_heads, self.n_kv_heads = config.n_heads, config.n_kv_heads
        self.head_dim = config.head_dim
        self.qk_norm, self.rotates = config.qk_norm, config.rotates(layer)
        width, bias = config.d_model, config.bias != "none"
        self.query = nn.Linear(width, config.n_heads * config.head_dim, bias=bias)
        self.key = nn.Linear(width, config.n_kv_heads * config.head_dim, bias=bias)
        self.value = nn.Linear(width, config.n_kv_heads * config.head_dim, bias=bias)
        self.output = nn.Linear(
            config.n_heads * config.head_dim, width, bias=config.bias in ("attention", "all")
        )
        if config.qk_norm == "weighted":
            self.query_norm = nn.RMSNorm(config.head_dim, eps=config.norm_eps)
            self.key_norm = nn.RMSNorm(config.head_dim, eps=config.norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: AttentionCache | None) -> Tensor:
        batch, length, _ = x.shape
        q = self.query(x).view(batch, length, self.n_heads, self.head_dim).transpose(1, 2)
        k = self.key(x).view(batch, length, self.n_kv_heads, self.head_dim).transpose(1, 2)
        v = self.value(x).view(batch, length, self.n_kv_heads, self.head_dim).transpose(1, 2)
        q, k = self._normalise(q, k)
        if self.rotates:
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if cache is None:
            mixed = attend(self.pattern, q, k, v)
        else:
            mixed = cache.attend(self.layer, self.pattern, q, k, v)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))  # type: ignore[no-any-return]

    def _normalise(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Bound the attention logits (arXiv:2010.04245), where the config says so."""
        if self.qk_norm == "unit":
            return unit_rms(q), unit_rms(k)
        if self.qk_norm == "weighted":
            return self.query_norm(q), self.key_norm(k)
        return q, k


class SwiGLU(nn.Module):
    """Gated feed-forward (arXiv:2002.05202): `down(silu(gate(x)) * up(x))`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        bias = config.bias == "all"
        self.gate = nn.Linear(config.d_model, config.d_ff, bias=bias)
        self.up = nn.Linear(config.d_model, config.d_ff, bias=bias)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))  # type: ignore[no-any-return]


class Gelu(nn.Module):
    """GPT's feed-forward: `down(gelu(up(x)))`, GELU in its tanh form (arXiv:1606.08415)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        bias = config.bias == "all"
        self.up = nn.Linear(config.d_model, config.d_ff, bias=bias)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(x), approximate="tanh"))  # type: ignore[no-any-return]


def make_norm(config: ModelConfig) -> nn.Module:
    """RMSNorm (arXiv:1910.07467), or LayerNorm with bias, over the width of the model."""
    kind = nn.LayerNorm if config.norm == "layer" else nn.RMSNorm
    return kind(config.d_model, eps=config.norm_eps)


def unit_rms(x: Tensor) -> Tensor:
    """Scale vectors along the last dimension to unit root mean square."""
    return functional.rms_norm(x, (x.shape[-1],))
