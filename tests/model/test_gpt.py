"""The GPT reads the same way at once, in chunks and token by token, and its costs are true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from chatapp.model.cache import KeyValueCache
from chatapp.model.config import ModelConfig, ModelConfigError, RopeStretch
from chatapp.model.gpt import GPT


def tiny(attention: tuple[str, ...], *, tied: bool = False, **variant: object) -> GPT:
    config = ModelConfig(
        vocab_size=50,
        n_layers=3,
        d_model=32,
        n_heads=4,
        n_kv_heads=2,
        d_ff=48,
        context_length=64,
        attention=attention,
        tie_embeddings=tied,
        **variant,  # type: ignore[arg-type]
    )
    model = GPT(config)
    rng = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=rng)
    return model.eval().requires_grad_(False)


GPT2: dict[str, object] = {
    "norm": "layer",
    "qk_norm": "none",
    "embedding_norm": False,
    "mlp": "gelu",
    "positions": "learned",
    "bias": "all",
}
VARIANTS: dict[str, dict[str, object]] = {
    "gpt1": {**GPT2, "norm_placement": "post"},
    "gpt2": GPT2,
    "llama3": {
        "qk_norm": "none",
        "embedding_norm": False,
        "rope_stretch": RopeStretch("llama3", 8.0, original_context=16),
    },
    "qwen2": {"qk_norm": "none", "embedding_norm": False, "bias": "qkv"},
    "qwen3": {"qk_norm": "weighted", "embedding_norm": False, "head_size": 16},
    "biased": {"bias": "attention", "rope_stretch": RopeStretch("linear", 2.0)},
    "some layers without positions": {"rope_layers": (True, False)},
}


@pytest.mark.parametrize("attention", ["dense", "sparse(5, 3)", "local(4)", "strided(3)"])
@pytest.mark.parametrize("chunk", [1, 7])
def test_cached_reading_equals_one_full_pass_past_twice_the_window(
    attention: str, chunk: int
) -> None:
    model = tiny(("dense", attention))
    tokens = torch.randint(50, (2, 41), generator=torch.Generator().manual_seed(1))
    whole = model(tokens)
    cache = KeyValueCache(model.config, capacity=64, batch=2)
    parts = [model(part, cache) for part in torch.split(tokens, chunk, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=2e-5, rtol=1e-4)


def test_no_token_sees_a_later_one() -> None:
    model = tiny(("dense", "sparse(5, 3)"))
    tokens = torch.randint(50, (1, 40), generator=torch.Generator().manual_seed(2))
    changed = tokens.clone()
    changed[0, 25:] = (changed[0, 25:] + 1) % 50
    torch.testing.assert_close(model(tokens)[:, :25], model(changed)[:, :25])
    assert not torch.equal(model(tokens)[:, 25:], model(changed)[:, 25:])


def test_a_truncated_cache_goes_on_as_if_the_tail_had_never_been_read() -> None:
    model = tiny(("dense", "sparse(5, 3)"))
    tokens = torch.randint(50, (1, 30), generator=torch.Generator().manual_seed(3))
    cache = KeyValueCache(model.config, capacity=64)
    model(tokens, cache)
    cache.truncate(12)
    again = model(tokens[:, 12:], cache)
    torch.testing.assert_close(again, model(tokens)[:, 12:], atol=2e-5, rtol=1e-4)


def test_a_full_cache_refuses_more() -> None:
    model = tiny(("dense",))
    cache = KeyValueCache(model.config, capacity=3)
    with pytest.raises(ValueError, match="holds 3 positions, 4 are needed"):
        model(torch.zeros(1, 4, dtype=torch.int64), cache)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_reads_the_same_at_once_and_token_by_token(variant: str) -> None:
    model = tiny(("dense", "local(4)"), **VARIANTS[variant])
    tokens = torch.randint(50, (2, 20), generator=torch.Generator().manual_seed(1))
    cache = KeyValueCache(model.config, capacity=64, batch=2)
    parts = [model(part, cache) for part in torch.split(tokens, 1, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_survives_its_own_config_file(variant: str, tmp_path: Path) -> None:
    config = tiny(("dense",), **VARIANTS[variant]).config
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    assert ModelConfig.load(tmp_path / "config.json") == config


def test_fresh_weights_of_every_kind_are_drawn() -> None:
    """Scales are ones, biases and output projections zeros, all else random but not wild."""
    model = GPT(tiny(("dense",), **GPT2, tied=True).config)
    model.initialise(torch.Generator().manual_seed(0))
    named = dict(model.named_parameters())
    assert all(bool((w == 0).all()) for n, w in named.items() if n.endswith("bias"))
    assert all(bool((w == 1).all()) for n, w in named.items() if n.endswith("norm.weight"))
    logits = model(torch.arange(30)[None])
    assert 0 < float(logits.detach().std()) < 1


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("variant", ["ours", *VARIANTS])
def test_the_parameter_count_is_the_models(variant: str, tied: bool) -> None:
    model = tiny(("dense",), tied=tied, **VARIANTS.get(variant, {}))
    assert model.config.parameter_count() == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("published", "shape"),
    [
        # GPT-1: 40,478 tokens, 512 positions, post-norm; GPT-2: 50,257 tokens, 1,024 positions
        (116_534_784, (40_478, 12, 768, 12, 512, "post")),
        (124_439_808, (50_257, 12, 768, 12, 1024, "pre")),
        (354_823_168, (50_257, 24, 1024, 16, 1024, "pre")),
        (1_557_611_200, (50_257, 48, 1600, 25, 1024, "pre")),
    ],
)
def test_published_shapes_have_their_published_sizes(
    published: int, shape: tuple[int, int, int, int, int, str]
) -> None:
    vocabulary, layers, width, heads, context, placement = shape
    config = ModelConfig(
        vocabulary,
        layers,
        width,
        heads,
        heads,
        4 * width,
        context,
        attention=("dense",),
        tie_embeddings=True,
        **{**GPT2, "norm_placement": placement},  # type: ignore[arg-type]
    )
    with torch.device("meta"):
        assert sum(weight.numel() for weight in GPT(config).parameters()) == published
    assert config.parameter_count() == published


def test_the_mean_number_of_keys_in_the_flops_is_that_of_the_mask() -> None:
    """Attention FLOPs of a sparse layer follow the mask to within five per cent."""
    length = 256
    config = ModelConfig(50, 1, 32, 4, 4, 48, length, attention=("sparse(16, 8)",))
    keys = config.pattern(0).mask(0, length).sum() / length
    counted = config.flops_per_token(length)
    matmul = 2 * (config.parameter_count() - 50 * 32)
    assert (counted - matmul) / (4 * 32) == pytest.approx(float(keys), rel=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_heads": 5}, "multiple of n_heads"),
        ({"attention": ()}, "at least one pattern"),
        ({"n_layer": 3}, "n_layer"),
        ({"model_type": "llama"}, "'llama'"),
        ({"norm": "batch"}, "norm is 'batch'; known: rms, layer"),
        ({"rope_stretch": {"kind": "yarn", "factor": 4.0}}, "'yarn' is unknown"),
        ({"rope_stretch": {"kind": "linear", "factor": 0}}, "factor > 0"),
        ({"rope_layers": ()}, "at least one entry"),
        ({"n_kv_heads": 3}, "multiple of n_kv_heads"),
        ({"head_size": 7}, "even for RoPE"),
    ],
)
def test_an_impossible_config_names_its_fault(change: dict[str, object], message: str) -> None:
    values = tiny(("dense",)).config.to_dict() | change
    with pytest.raises((ModelConfigError, ValueError), match=message):
        ModelConfig.from_dict(values)
