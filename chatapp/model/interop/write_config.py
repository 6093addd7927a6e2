"""Our configs into those of stock Hugging Face architectures, where one computes the same."""

from __future__ import annotations

from typing import Any

from chatapp.model.config import ModelConfig
from chatapp.model.interop.errors import UnsupportedModel

Values = dict[str, Any]


def write_config(config: ModelConfig) -> Values:
    """Return the config of the stock architecture that computes what our model does.

    Parts that a stock architecture can imitate count as known to it (see `exporting`): an embedding
    norm is folded into the table, a norm without weights gets ones, a missing bias zeros.

    Raises:
        UnsupportedModel: no stock architecture does.
    """
    if config.norm == "layer":
        return _write_gpt(config)
    _refuse(config, norm_placement="pre", positions="rotary", mlp="swiglu")
    window = _window(config)
    if not all(config.rotates(layer) for layer in range(config.n_layers)):
        return _write_smollm3(config, window)
    if config.qk_norm != "none":
        return _write_qwen3(config, window)
    if config.attention == (f"local({window})",) and config.bias == "none":
        return _write_llama(config, "mistral", "MistralForCausalLM") | {"sliding_window": window}
    if window or config.bias == "qkv":
        return _write_qwen2(config, window)
    biases = {"attention_bias": config.bias != "none", "mlp_bias": config.bias == "all"}
    return _write_llama(config, "llama", "LlamaForCausalLM") | biases


def _refuse(config: ModelConfig, **known: Any) -> None:
    """Raise for a field of ours that the stock architectures do not have in this form."""
    for name, value in known.items():
        actual = getattr(config, name)
        if actual not in (value if isinstance(value, list) else [value]):
            raise UnsupportedModel(f"no stock architecture has {name} = {actual!r} with the rest")


def _window(config: ModelConfig) -> int | None:
    """Return the one window of the local layers; None when all are dense."""
    patterns = [config.pattern(layer) for layer in range(config.n_layers)]
    windows = {pattern.w for pattern in patterns if pattern.kind == "local"}
    strange = sorted({str(each) for each in patterns if each.kind not in ("dense", "local")})
    if strange:
        raise UnsupportedModel(
            f"stock architectures have dense and local attention only, this model has "
            f"{', '.join(strange)}"
        )
    if len(windows) > 1:
        raise UnsupportedModel(f"stock architectures have one window only, not {sorted(windows)}")
    return windows.pop() if windows else None


def _write_gpt(config: ModelConfig) -> Values:
    _refuse(
        config,
        positions="learned",
        mlp="gelu",
        bias="all",
        qk_norm="none",
        n_kv_heads=config.n_heads,
        attention=[("dense",)],
        head_dim=config.d_model / config.n_heads,
    )
    shape = {
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.d_model,
        "n_layer": config.n_layers,
        "n_head": config.n_heads,
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": _tied(config),
    }
    if config.norm_placement == "post":
        _refuse(config, d_ff=4 * config.d_model)
        kind: Values = {"model_type": "openai-gpt", "architectures": ["OpenAIGPTLMHeadModel"]}
        return {**kind, **shape, "afn": "gelu"}
    kind = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    return {**kind, **shape, "n_inner": config.d_ff, "activation_function": "gelu_new"}


def _write_qwen2(config: ModelConfig, window: int | None) -> Values:
    _refuse(config, bias=["none", "qkv"], head_dim=config.d_model / config.n_heads)
    return _write_llama(config, "qwen2", "Qwen2ForCausalLM") | _write_layers(config, window)


def _write_qwen3(config: ModelConfig, window: int | None) -> Values:
    _refuse(config, bias=["none", "qkv", "attention"])
    bias = {"attention_bias": config.bias != "none"}
    return _write_llama(config, "qwen3", "Qwen3ForCausalLM") | bias | _write_layers(config, window)


def _write_smollm3(config: ModelConfig, window: int | None) -> Values:
    _refuse(config, bias="none", qk_norm="none", head_dim=config.d_model / config.n_heads)
    if window:
        raise UnsupportedModel("no stock architecture has both windows and layers without RoPE")
    rotating = [int(config.rotates(layer)) for layer in range(config.n_layers)]
    return _write_llama(config, "smollm3", "SmolLM3ForCausalLM") | {"no_rope_layers": rotating}


def _write_layers(config: ModelConfig, window: int | None) -> Values:
    """Say which of Qwen's layers see a window only."""
    if not window:
        return {"use_sliding_window": False, "sliding_window": None}
    names = {"local": "sliding_attention", "dense": "full_attention"}
    kinds = [names[config.pattern(layer).kind] for layer in range(config.n_layers)]
    return {"use_sliding_window": True, "sliding_window": window, "layer_types": kinds}


def _write_llama(config: ModelConfig, kind: str, architecture: str) -> Values:
    """What Llama and its relatives share."""
    return {
        "model_type": kind,
        "architectures": [architecture],
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": config.context_length,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": _tied(config),
        "rope_theta": config.rope_base,  # where programs of before 2026 look for it
        "rope_parameters": _write_rope(config),
    }


def _tied(config: ModelConfig) -> bool:
    """A folded embedding norm changes the table and not the head, which ends the tie."""
    return config.tie_embeddings and not config.embedding_norm


def _write_rope(config: ModelConfig) -> Values:
    base: Values = {"rope_theta": config.rope_base}
    scaling = config.rope_stretch
    if scaling is None:
        return base | {"rope_type": "default"}
    if scaling.kind == "linear":
        return base | {"rope_type": "linear", "factor": scaling.factor}
    return base | {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low_frequency,
        "high_freq_factor": scaling.high_frequency,
        "original_max_position_embeddings": scaling.original_context,
    }
