"""Int8 weights: how they round, that PyTorch runs them, and that a checkpoint may hold them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model, save_model
from chatapp.model.gpt import GPT
from chatapp.model.int8 import Int8Linear, make_float, quantise_model, quantise_rows

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40))
def test_a_row_is_off_by_half_a_step_at_most(values: list[float]) -> None:
    """The largest magnitude stands at 127; zeros stay zeros."""
    x = torch.tensor([values, [0.0] * len(values)])
    rows, scales = quantise_rows(x)
    assert rows.dtype == torch.int8
    assert rows.abs().max() <= 127
    error = (rows * scales[:, None] - x).abs()
    assert (error <= 0.5001 * scales[:, None] + 1e-30).all()
    assert scales[1] == 0


def test_sums_are_exact_integers() -> None:
    """A product equals the one in float64 of the same rounded numbers, bias and all."""
    rng = torch.Generator().manual_seed(0)
    weight, scale = quantise_rows(torch.randn(33, 2048, generator=rng))
    bias = torch.randn(33, generator=rng)
    x = torch.randn(2, 3, 2048, generator=rng)
    rows, scales = quantise_rows(x.view(6, 2048))
    exact = (rows.double() @ weight.double().T) * scales[:, None] * scale + bias
    torch.testing.assert_close(
        Int8Linear(weight, scale, bias)(x), exact.float().view(2, 3, 33), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("tied", [False, True])
def test_a_checkpoint_of_int8_weights_is_loaded_as_it_was_saved(tmp_path: Path, tied: bool) -> None:
    """A quarter of the size, the same logits; a float model of the directory loads as before."""
    model, tokenizer = load_model(FIXTURE)
    if tied:
        config = replace(model.config, tie_embeddings=True)
        weights = {k: v for k, v in model.state_dict().items() if k != "head.weight"}
        model = GPT(config).eval()
        model.load_state_dict(weights, strict=False)
    small = quantise_model(model)
    save_model(tmp_path / "int8", small, tokenizer)
    save_model(tmp_path / "float", model, tokenizer)
    loaded, _ = load_model(tmp_path / "int8")
    tokens = torch.arange(20)[None]
    with torch.inference_mode():
        assert torch.equal(loaded(tokens), small(tokens))
    sizes = {
        name: (tmp_path / name / "model.safetensors").stat().st_size for name in ("int8", "float")
    }
    assert sizes["int8"] < 0.3 * sizes["float"]
    assert "weights_sha256" in json.loads((tmp_path / "int8" / "config.json").read_text())


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_of_int8_weights_can_be_trained_on(tied: bool) -> None:
    """Its float form has the int8 values, and every matrix learns."""
    original = load_model(FIXTURE)[0]
    config = replace(original.config, tie_embeddings=tied)
    weights = {k: v for k, v in original.state_dict().items() if not tied or k != "head.weight"}
    source = GPT(config)
    source.load_state_dict(weights, strict=not tied)
    small = quantise_model(source)
    stored = small.state_dict()
    name = "blocks.0.mlp.up.weight"
    wanted = stored[name].float() * stored[f"{name}_scale"][:, None]
    make_float(small)
    small.requires_grad_(True)
    assert torch.equal(small.state_dict()[name], wanted)
    assert {name for name, _ in small.named_parameters()} == {
        name for name, _ in source.named_parameters()
    }
    small(torch.arange(20)[None]).sum().backward()
    assert all(weight.grad is not None for weight in small.parameters())


def test_pytorch_decodes_an_int8_model() -> None:
    """Caches are then in float32, and steps equal the whole."""
    model = quantise_model(load_model(FIXTURE)[0])
    tokens = list(range(5, 25))
    decoder = TorchDecoder(model)
    steps = torch.cat([decoder.step([0], [token]) for token in tokens])
    with torch.inference_mode():
        whole = model(torch.tensor([tokens]))[0]
    assert (steps - whole).abs().mean() < 0.02 * whole.std()
