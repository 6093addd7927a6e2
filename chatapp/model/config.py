"""The shape of a model, as stored in `config.json`, and what it costs.

One config describes our own models and the published families that run on the same `GPT`: the
defaults of the fields after `tie_embeddings` are our own model's, and GPT-2, Llama, Qwen and SmolLM
differ from it in these fields only (`chatapp.model.interop.families` has the translations).
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from chatapp.kernels.patterns import Pattern
from chatapp.model.layouts.shapes import DEFAULT_SLACK, shapes

Norm = Literal["rms", "layer"]
NormPlacement = Literal["pre", "post"]
QKNorm = Literal["unit", "weighted", "none"]
Mlp = Literal["swiglu", "gelu"]
Positions = Literal["rotary", "learned"]
Bias = Literal["none", "qkv", "attention", "all"]

# Keys of config.json that say nothing about the shape: checksums, token ids, the origin of an
# imported model, and what `transformers` adds when it writes one.
_NOT_SHAPE = frozenset(
    {
        "model_type",
        "weights_sha256",
        "imported_from",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "architectures",
        "dtype",
        "transformers_version",
    }
)


class ModelConfigError(ValueError):
    """A config that describes no model; the message names the field and the fix."""


@dataclass(frozen=True)
class RopeStretch:
    """How rotary frequencies are stretched to read further than the model was first trained for.

    `linear` divides every frequency by `factor` (arXiv:2306.15595). `llama3` divides the slow ones,
    keeps the fast ones and blends between: a wave is slow when it turns less than `low_frequency`
    times within `original_context` tokens, fast above `high_frequency` times (Llama 3.1).
    """

    kind: Literal["linear", "llama3"]
    factor: float
    low_frequency: float = 1.0
    high_frequency: float = 4.0
    original_context: int = 8192

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "llama3"):
            raise ModelConfigError(f"rope_stretch {self.kind!r} is unknown; known: linear, llama3")
        if self.factor <= 0 or self.high_frequency <= self.low_frequency:
            raise ModelConfigError(
                "rope_stretch needs factor > 0 and high_frequency > low_frequency, got "
                f"{self.factor}, {self.high_frequency}, {self.low_frequency}"
            )


@dataclass(frozen=True)
class ModelConfig:
    """Hyperparameters of a decoder-only GPT.

    Attributes:
        attention: the patterns that layers repeat, GPT-3 style: layer i uses
            `attention[i % len(attention)]`.
        context_length: the longest sequence the model was trained to read, in tokens.
        head_size: width of a head; 0 takes `d_model / n_heads`.
        norm: RMSNorm, or LayerNorm with bias.
        norm_placement: `pre` normalises the input of each sub-layer and the last state; `post`
            normalises each residual sum and has no final norm, as GPT-1 did.
        embedding_norm: scale token embeddings to unit root mean square, without weights.
        qk_norm: scale queries and keys to unit root mean square per head, with or without weights.
        mlp: SwiGLU, or a plain feed-forward with GPT-2's tanh form of GELU.
        positions: rotary, or a learned table of `context_length` rows.
        rope_layers: which layers rotate, repeated as `attention` is; the rest see no positions.
        bias: which linear layers have one: none; queries, keys and values; all of attention; all.
            The head never has one.
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
    head_size: int = 0
    norm: Norm = "rms"
    norm_placement: NormPlacement = "pre"
    embedding_norm: bool = True
    qk_norm: QKNorm = "unit"
    mlp: Mlp = "swiglu"
    positions: Positions = "rotary"
    rope_layers: tuple[bool, ...] = (True,)
    rope_stretch: RopeStretch | None = None
    bias: Bias = "none"

    def __post_init__(self) -> None:
        self._check_choices()
        if not self.head_size and self.d_model % self.n_heads:
            raise ModelConfigError(
                f"d_model {self.d_model} must be a multiple of n_heads {self.n_heads}, "
                "or head_size be given"
            )
        if self.n_heads % self.n_kv_heads:
            raise ModelConfigError(
                f"n_heads {self.n_heads} must be a multiple of n_kv_heads {self.n_kv_heads}"
            )
        if self.positions == "rotary" and self.head_dim % 2:
            raise ModelConfigError(f"the width of a head must be even for RoPE: {self.head_dim}")
        if not self.attention or not self.rope_layers:
            raise ModelConfigError(
                "attention must name at least one pattern, e.g. ['dense'], "
                "and rope_layers have at least one entry, e.g. [true]"
            )
        for name in self.attention:
            Pattern.parse(name)

    def _check_choices(self) -> None:
        choices = {
            "norm": Norm,
            "norm_placement": NormPlacement,
            "qk_norm": QKNorm,
            "mlp": Mlp,
            "positions": Positions,
            "bias": Bias,
        }
        for field, allowed in choices.items():
            value = getattr(self, field)
            if value not in get_args(allowed):
                raise ModelConfigError(
                    f"{field} is {value!r}; known: {', '.join(get_args(allowed))}"
                )

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.head_size or self.d_model // self.n_heads

    def pattern(self, layer: int) -> Pattern:
        """Return the attention pattern of one layer."""
        return Pattern.parse(self.attention[layer % len(self.attention)])

    def rotates(self, layer: int) -> bool:
        """Return whether one layer rotates its queries and keys by their positions."""
        return self.positions == "rotary" and self.rope_layers[layer % len(self.rope_layers)]

    def parameter_count(self) -> int:
        """Return the number of weights, embeddings and head included (once if tied)."""
        heads = 1 if self.tie_embeddings else 2
        return self._body_parameters() + self.vocab_size * self.d_model * heads + self._positions()

    def _positions(self) -> int:
        return self.context_length * self.d_model if self.positions == "learned" else 0

    def _body_parameters(self) -> int:
        """All weights but the two tables of the vocabulary and that of the positions."""
        width, heads, kv = self.d_model, self.n_heads * self.head_dim, self.n_kv_heads
        attention = 2 * width * (heads + kv * self.head_dim)
        if self.bias != "none":
            attention += heads + 2 * kv * self.head_dim
        if self.bias in ("attention", "all"):
            attention += width
        if self.qk_norm == "weighted":
            attention += 2 * self.head_dim
        mlp = (3 if self.mlp == "swiglu" else 2) * width * self.d_ff
        if self.bias == "all":
            mlp += width + self.d_ff * (2 if self.mlp == "swiglu" else 1)
        norm = width * (2 if self.norm == "layer" else 1)
        final = norm if self.norm_placement == "pre" else 0
        return self.n_layers * (attention + mlp + 2 * norm) + final

    def flops_per_token(self, length: int) -> int:
        """Return forward FLOPs per token at sequence length `length`, 2 per multiply-add.

        Looking embeddings up is free; attention counts the keys a query sees on average.
        """
        weights = self._body_parameters() + self.vocab_size * self.d_model
        keys = sum(_mean_keys(self.pattern(layer), length) for layer in range(self.n_layers))
        return int(2 * weights + 4 * self.n_heads * self.head_dim * keys)

    def cache_bytes(self, length: int, bytes_per_value: int, slack: int = DEFAULT_SLACK) -> int:
        """Return the bytes of keys and values that one sequence of `length` tokens takes.

        Local layers keep their window and `slack` positions, the others every position.
        """
        buffers = (
            shape
            for layer in range(self.n_layers)
            for shape in shapes(self.pattern(layer), self.n_kv_heads, self.head_dim, length, slack)
        )
        return 2 * bytes_per_value * sum(math.prod(shape) for shape in buffers)

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
        fields = {key: value for key, value in values.items() if key not in _NOT_SHAPE}
        for name in ("attention", "rope_layers"):
            if name in fields:
                fields[name] = tuple(fields[name])
        try:
            if fields.get("rope_stretch") is not None:
                fields["rope_stretch"] = RopeStretch(**fields["rope_stretch"])
            return cls(**fields)
        except TypeError as error:
            raise ModelConfigError(f"model config does not fit: {error}") from error

    @classmethod
    def load(cls, path: Path) -> ModelConfig:
        """Read `config.json`.

        Raises:
            ModelConfigError: as `from_dict`, or the file is not JSON.
        """
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
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
