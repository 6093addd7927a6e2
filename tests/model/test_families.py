"""Each family's logits are those of `transformers`, from the same files, at once and step by step.

Random weights of a tiny shape, fp32. The largest difference of any logit that was seen is 1.5e-6,
with a standard deviation of the logits of 0.6; `transformers` itself is off by as much against its
own float64. The bound is 5e-6.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from chatapp.model.cache import KeyValueCache
from chatapp.model.checkpoint import load_model
from chatapp.model.interop.exporting import export_model
from chatapp.model.interop.importing import import_model
from chatapp.model.weights import WeightFiles
from tests.model.families import FAMILIES, make

BOUND = 5e-6
LENGTH = 40  # more than twice the windows, and beyond the original context of the scaled rope


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
