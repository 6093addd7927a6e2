"""The GPT reads the same way at once, in chunks and token by token, and its costs are true."""

from __future__ import annotations

import pytest
import torch

from chatapp.model.cache import KeyValueCache
from chatapp.model.config import ModelConfig, ModelConfigError
from chatapp.model.gpt import GPT


def tiny(attention: tuple[str, ...], *, tied: bool = False) -> GPT:
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
    )
    model = GPT(config)
    rng = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=rng)
    return model.eval().requires_grad_(False)


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


@pytest.mark.parametrize("tied", [True, False])
def test_the_parameter_count_is_the_models(tied: bool) -> None:
    model = tiny(("dense",), tied=tied)
    assert model.config.parameter_count() == sum(weight.numel() for weight in model.parameters())


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
    ],
)
def test_an_impossible_config_names_its_fault(change: dict[str, object], message: str) -> None:
    values = tiny(("dense",)).config.to_dict() | change
    with pytest.raises((ModelConfigError, ValueError), match=message):
        ModelConfig.from_dict(values)
