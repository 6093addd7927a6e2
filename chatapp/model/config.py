"""The shape of a model, as stored in `config.json`, and what it costs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp.kernels.patterns import Pattern


class ModelConfigError(ValueError):
    """A config that describes no model; the message names the field and the fix."""


@dataclass(frozen=True)
class ModelConfig:
    """Hyperparameters of a decoder-only GPT.

    `attention` is the list of patterns that layers repeat, GPT-3 style: layer i uses
    `attention[i % len(attention)]`. `context_length` is the longest sequence the model was trained
    to read, in tokens.
    """

    vocab_size: int
    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_ff: int
    context_length: int
    attention: tuple[str, ...] = ("dense", "sparse(128, 16)")
    rope_base: float = 10_000.0
    norm_eps: float = 1e-6
    tie_embeddings: bool = False

    def __post_init__(self) -> None:
        if self.d_model % self.n_heads or self.n_heads % self.n_kv_heads:
            raise ModelConfigError(
                f"d_model {self.d_model} must be a multiple of n_heads {self.n_heads}, "
                f"and n_heads of n_kv_heads {self.n_kv_heads}"
            )
        if self.head_dim % 2:
            raise ModelConfigError(f"d_model / n_heads must be even for RoPE, got {self.head_dim}")
        if not self.attention:
            raise ModelConfigError("attention must name at least one pattern, e.g. ['dense']")
        for name in self.attention:
            Pattern.parse(name)

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads

    def pattern(self, layer: int) -> Pattern:
        """Return the attention pattern of one layer."""
        return Pattern.parse(self.attention[layer % len(self.attention)])

    def parameter_count(self) -> int:
        """Return the number of weights, embeddings and head included."""
        attention = self.d_model * self.head_dim * 2 * (self.n_heads + self.n_kv_heads)
        mlp = 3 * self.d_model * self.d_ff
        norms = (2 * self.n_layers + 1) * self.d_model
        tables = self.vocab_size * self.d_model * (1 if self.tie_embeddings else 2)
        return self.n_layers * (attention + mlp) + norms + tables

    def flops_per_token(self, length: int) -> int:
        """Return forward FLOPs per token at sequence length `length`, 2 per multiply-add.

        The embedding look-up is free; attention counts the keys a query sees on average.
        """
        tables = self.vocab_size * self.d_model * (1 if self.tie_embeddings else 2)
        matmul = self.parameter_count() - tables + self.vocab_size * self.d_model
        keys = sum(_mean_keys(self.pattern(layer), length) for layer in range(self.n_layers))
        return int(2 * matmul + 4 * self.d_model * keys)

    def cache_bytes(self, length: int, bytes_per_value: int) -> int:
        """Return the bytes of keys and values for one sequence of `length` tokens."""
        return 2 * self.n_layers * self.n_kv_heads * self.head_dim * length * bytes_per_value

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"model_type": "chatapp_gpt", **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Build from the JSON form.

        Raises:
            ModelConfigError: another model type, or missing or unknown fields.
        """
        kind = values.get("model_type", "chatapp_gpt")
        if kind != "chatapp_gpt":
            raise ModelConfigError(f"config is of model_type {kind!r}, this reads 'chatapp_gpt'")
        fields = {key: value for key, value in values.items() if key != "model_type"}
        try:
            return cls(**{**fields, "attention": tuple(fields.get("attention", cls.attention))})
        except TypeError as error:
            raise ModelConfigError(f"model config does not fit: {error}") from error

    @classmethod
    def load(cls, path: Path) -> ModelConfig:
        """Read `config.json`, whose checksum of the weights is no part of the shape."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls.from_dict({k: v for k, v in values.items() if k != "weights_sha256"})
        except json.JSONDecodeError as error:
            raise ModelConfigError(f"{path} is not JSON: {error}") from error


def _mean_keys(pattern: Pattern, length: int) -> float:
    """Average number of keys a query sees in a causal sequence of `length`."""
    causal = (length + 1) / 2
    match pattern.kind:
        case "local":
            return min(pattern.w, causal)
        case "strided":
            return causal / pattern.r
        case "sparse":
            return min(causal, pattern.w + max(0.0, causal - pattern.w) / pattern.r)
        case "fixed":
            return min(causal, pattern.w / 2 + causal * pattern.r / pattern.w)
        case _:
            return causal
