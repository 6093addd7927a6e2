"""Each family's logits are those of `transformers`, from the same files, at once and step by step.

Random weights of a tiny shape, fp32. The largest difference of any logit that was seen is 1.5e-6,
with a standard deviation of the logits of 0.6; `transformers` itself is off by as much against its
own float64. The bound is 5e-6.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from chatapp.model.cache import KeyValueCache
from chatapp.model.checkpoint import load_model
from chatapp.model.interop.exporting import export_model
from chatapp.model.interop.importing import import_model
from chatapp.model.weights import WeightFiles
from tests.model import foreign

BOUND = 5e-6
LENGTH = 40  # more than twice the windows, and beyond the original context of the scaled rope

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


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(400, (2, LENGTH), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_imported_logits_are_those_of_transformers(
    family: str, tokens: torch.Tensor, tmp_path: Path
) -> None:
    theirs = make(tmp_path / "theirs", family)(tokens).logits
    assert import_model(tmp_path / "theirs", tmp_path / "ours").converted
    model, _ = load_model(tmp_path / "ours")
    torch.testing.assert_close(model(tokens), theirs, atol=BOUND, rtol=0)
    cache = KeyValueCache(model.config, capacity=64, batch=2)
    parts = torch.split(tokens, [11, *[1] * (LENGTH - 11)], dim=1)
    stepped = torch.cat([model(part, cache) for part in parts], dim=1)
    torch.testing.assert_close(stepped, theirs, atol=BOUND, rtol=0)
    assert model.config.parameter_count() == sum(w.numel() for w in model.parameters())


@pytest.mark.parametrize(
    ("family", "dtype"),
    [
        *((family, torch.float32) for family in FAMILIES),
        ("gpt2", torch.bfloat16),
        ("qwen3", torch.bfloat16),
        ("llama", torch.float16),
    ],
)
def test_there_and_back_every_byte_is_the_same(
    family: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    """In whatever dtype, through files cut elsewhere; and stock `transformers` loads the result."""
    make(tmp_path / "theirs", family, dtype=dtype)
    import_model(tmp_path / "theirs", tmp_path / "ours", max_file_bytes=20_000)
    export_model(tmp_path / "ours", tmp_path / "back", max_file_bytes=50_000)
    before = dict(WeightFiles(tmp_path / "theirs").items())
    after = dict(WeightFiles(tmp_path / "back").items())
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert tensor.dtype == after[name].dtype
        assert torch.equal(tensor, after[name]), name
    for file in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        assert (tmp_path / "back" / file).read_text() == (tmp_path / "theirs" / file).read_text()
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "back")
    assert again.dtype == dtype
    # without a window, a Mistral is a Llama
    expected = "llama" if family == "mistral without" else FAMILIES[family][0]
    assert again.config.model_type == expected
