"""Models of the published families, of tiny shapes and with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tests.model import foreign

GPT: dict[str, Any] = {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64}
LLAMA: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 1000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt1": ("openai-gpt", GPT),
    "gpt2": ("gpt2", GPT),
    "gpt2 untied, of another width": (
        "gpt2",
        {**GPT, "n_inner": 40, "tie_word_embeddings": False},
    ),
    "llama": ("llama", LLAMA),
    "llama tied, with biases": (
        "llama",
        {**LLAMA, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
    ),
    "llama with scaled positions": ("llama", {**LLAMA, "rope_parameters": LLAMA3_ROPE}),
    "llama with linear positions": (
        "llama",
        {**LLAMA, "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}},
    ),
    "smollm2": ("llama", {**LLAMA, "tie_word_embeddings": True, "rms_norm_eps": 1e-5}),
    "smollm3": ("smollm3", {**LLAMA, "pad_token_id": 0}),
    "mistral with a window": ("mistral", {**LLAMA, "sliding_window": 7, "head_dim": 16}),
    "mistral without": ("mistral", {**LLAMA, "sliding_window": None}),
    "qwen2": ("qwen2", LLAMA),
    "qwen2 with windows": (
        "qwen2",
        {**LLAMA, "use_sliding_window": True, "sliding_window": 7, "max_window_layers": 2},
    ),
    "qwen3": ("qwen3", {**LLAMA, "head_dim": 16}),
    "qwen3 with alternating windows": (
        "qwen3",
        {
            **LLAMA,
            "head_dim": 8,
            "attention_bias": True,
            "use_sliding_window": True,
            "sliding_window": 7,
            "layer_types": ["full_attention", "sliding_attention"] * 2,
        },
    ),
}


def make(directory: Path, family: str, *, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Write a model of random weights as `transformers` saves it, in several files."""
    kind, shape = FAMILIES[family]
    ends = {"bos_token_id": 0, "eos_token_id": 2}
    config = CONFIG_MAPPING[kind](**shape, **ends, vocab_size=400, initializer_range=0.1)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).to(dtype).eval()
    for name, weight in model.named_parameters():
        if weight.ndim == 1:  # biases of zero and norms of one would hide a mix-up
            offset = 0.0 if name.endswith("bias") else 1.0
            torch.nn.init.normal_(weight, mean=offset, std=0.3)
    model.save_pretrained(directory, max_shard_size="60KB")
    foreign.chatml(directory)
    return model  # type: ignore[no-any-return]
