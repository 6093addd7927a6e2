"""Hugging Face configs into ours: which published architectures our `GPT` runs.

GPT-1, GPT-2, Llama (SmolLM and SmolLM2 are Llamas), Mistral, Qwen2, Qwen3 and SmolLM3, by the
`model_type` of their config.json. A config with an option that our model lacks is refused, never
approximated; such a model runs through `transformers` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chatapp.model.config import ModelConfig, NormPlacement, RopeStretch
from chatapp.model.interop.errors import InteropError, UnsupportedModel

Values = dict[str, Any]


def read_config(values: Values) -> ModelConfig:
    """Translate a Hugging Face config; `transformers` fills in what it leaves out.

    Raises:
        UnsupportedModel: an architecture or an option that our model does not have.
        InteropError: `transformers` does not accept the config.
    """
    from transformers import CONFIG_MAPPING

    kind = values["model_type"]
    if kind not in FAMILIES:
        raise UnsupportedModel(f"the architecture {kind!r} is none of {', '.join(FAMILIES)}")
    if "quantization_config" in values:
        raise UnsupportedModel("its weights are quantised")
    try:
        complete = CONFIG_MAPPING[kind].from_dict(values).to_dict()
    except Exception as error:  # its validation raises errors of many kinds
        raise InteropError(f"config.json describes no {kind} model: {error}") from error
    return FAMILIES[kind](complete)


def _require(values: Values, **wanted: Any) -> None:
    """Refuse a config in which a field is not what our model does."""
    for name, value in wanted.items():
        if values[name] not in (value if isinstance(value, tuple) else (value,)):
            kind = values["model_type"]
            raise UnsupportedModel(f"{kind} with {name} = {values[name]!r} is not supported")


def _read_gpt1(values: Values) -> ModelConfig:
    _require(values, afn=("gelu", "gelu_new"))  # its own "gelu" is what others call gelu_new
    return _gpt(values, "post", 4 * values["n_embd"])


def _read_gpt2(values: Values) -> ModelConfig:
    _require(
        values,
        activation_function=("gelu_new", "gelu_pytorch_tanh"),
        scale_attn_weights=True,
        scale_attn_by_inverse_layer_idx=False,
        add_cross_attention=False,
    )
    return _gpt(values, "pre", values["n_inner"] or 4 * values["n_embd"])


def _gpt(values: Values, placement: NormPlacement, d_ff: int) -> ModelConfig:
    return ModelConfig(
        vocab_size=values["vocab_size"],
        n_layers=values["n_layer"],
        d_model=values["n_embd"],
        n_heads=values["n_head"],
        n_kv_heads=values["n_head"],
        d_ff=d_ff,
        context_length=values["n_positions"],
        attention=("dense",),
        norm_eps=values["layer_norm_epsilon"],
        tie_embeddings=values["tie_word_embeddings"],
        norm="layer",
        norm_placement=placement,
        embedding_norm=False,
        qk_norm="none",
        mlp="gelu",
        positions="learned",
        bias="all",
    )


def _read_llama(values: Values) -> ModelConfig:
    if values["mlp_bias"] and not values["attention_bias"]:
        raise UnsupportedModel("llama with mlp_bias and no attention_bias is not supported")
    bias = "all" if values["mlp_bias"] else "attention" if values["attention_bias"] else "none"
    return _llama(values, bias=bias)


def _read_mistral(values: Values) -> ModelConfig:
    window = values["sliding_window"]
    return _llama(values, attention=(f"local({window})",) if window else ("dense",))


def _read_qwen2(values: Values) -> ModelConfig:
    return _llama(values, bias="qkv", attention=_windows(values))


def _read_qwen3(values: Values) -> ModelConfig:
    bias = "attention" if values["attention_bias"] else "none"
    return _llama(values, bias=bias, qk_norm="weighted", attention=_windows(values))


def _read_smollm3(values: Values) -> ModelConfig:
    _require(values, use_sliding_window=False, attention_bias=False, mlp_bias=False)
    # its 1 means: this layer does rotate
    rotating = tuple(bool(each) for each in values["no_rope_layers"])[: values["num_hidden_layers"]]
    return _llama(values, rope_layers=_shortest_cycle(rotating))


def _llama(values: Values, **changes: Any) -> ModelConfig:
    """What Llama and its relatives share."""
    _require(values, hidden_act="silu")
    heads, width = values["num_attention_heads"], values["hidden_size"]
    base, scaling = _read_rope(values["rope_parameters"])
    head_dim = values.get("head_dim") or width // heads  # not every family has the field
    fields: Values = {
        "vocab_size": values["vocab_size"],
        "n_layers": values["num_hidden_layers"],
        "d_model": width,
        "n_heads": heads,
        "n_kv_heads": values["num_key_value_heads"],
        "d_ff": values["intermediate_size"],
        "context_length": values["max_position_embeddings"],
        "attention": ("dense",),
        "rope_base": base,
        "rope_stretch": scaling,
        "norm_eps": values["rms_norm_eps"],
        "tie_embeddings": values["tie_word_embeddings"],
        "head_size": 0 if head_dim * heads == width else head_dim,
        "embedding_norm": False,
        "qk_norm": "none",
    }
    return ModelConfig(**{**fields, **changes})


def _read_rope(rope: Values) -> tuple[float, RopeStretch | None]:
    """Return the rotary base and scaling."""
    base, kind = float(rope["rope_theta"]), rope["rope_type"]
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise UnsupportedModel("rotary positions of a part of each head are not supported")
    match kind:
        case "default":
            return base, None
        case "linear":
            return base, RopeStretch("linear", float(rope["factor"]))
        case "llama3":
            return base, RopeStretch(
                "llama3",
                float(rope["factor"]),
                float(rope["low_freq_factor"]),
                float(rope["high_freq_factor"]),
                int(rope["original_max_position_embeddings"]),
            )
    raise UnsupportedModel(f"rotary positions of the kind {kind!r} are not supported")


def _windows(values: Values) -> tuple[str, ...]:
    """Return the patterns of Qwen's layers, some of which may see a window only."""
    names = {"sliding_attention": f"local({values['sliding_window']})", "full_attention": "dense"}
    return _shortest_cycle(tuple(names[kind] for kind in values["layer_types"]))


def _shortest_cycle(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the shortest beginning that, repeated, gives `items`."""
    for size in range(1, len(items)):
        if all(item == items[index % size] for index, item in enumerate(items)):
            return items[:size]
    return items


FAMILIES: dict[str, Callable[[Values], ModelConfig]] = {
    "openai-gpt": _read_gpt1,
    "gpt2": _read_gpt2,
    "llama": _read_llama,
    "mistral": _read_mistral,
    "qwen2": _read_qwen2,
    "qwen3": _read_qwen3,
    "smollm3": _read_smollm3,
}
