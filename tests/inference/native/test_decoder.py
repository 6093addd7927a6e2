"""The compiled runtime keeps the decoders' contract, and gets PyTorch's numbers on int8 weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from chatapp.inference.native import NativeUnavailable
from chatapp.inference.native.decoder import NativeDecoder, cache_bytes
from chatapp.inference.native.library import variants
from chatapp.kernels.attention import attend
from chatapp.kernels.patterns import Pattern
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.int8 import quantise_model
from tests.inference.conformance import DecoderConformance

try:
    VARIANTS = variants()
except NativeUnavailable as reason:
    pytest.skip(f"no compiled runtime: {reason}", allow_module_level=True)


class RoundedCache:
    """Rounds keys and values to bfloat16, as the runtime keeps them; for one whole read."""

    def positions(self, count: int) -> Tensor:
        return torch.arange(count)

    def attend(self, layer: int, pattern: Pattern, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend(pattern, q, k.bfloat16().float(), v.bfloat16().float())

    def advance(self, count: int) -> None:
        pass


def pytorch(model: GPT, tokens: list[int]) -> Tensor:
    """The same arithmetic in PyTorch: int8 weights and activations, exact sums, (T, V)."""
    with torch.inference_mode():
        return quantise_model(model)(torch.tensor([tokens]), RoundedCache())[0]  # type: ignore[no-any-return]


def assert_near(actual: Tensor, expected: Tensor, mean: float = 0.02, most: float = 0.15) -> None:
    """Mean and largest error as shares of the logits' spread.

    Sums in another order agree to about 1e-6, but now and then make an activation round to the
    neighbouring one of 255 values, which these narrow models feel; a wrong key costs far more.
    """
    error = (actual - expected).abs() / expected.std()
    assert error.mean() < mean
    assert error.max() < most


class TestNativeDecoder(DecoderConformance):
    def decoder(self, model: GPT, slots: int = 1, slack: int = 6) -> NativeDecoder:
        return NativeDecoder(
            model,
            slots=slots,
            context=model.config.context_length,
            threads=1,
            slack=slack,
        )

    def reference(self, model: GPT, tokens: list[int]) -> Tensor:
        return pytorch(model, tokens)

    def close(self, actual: Tensor, expected: Tensor) -> None:
        assert_near(actual, expected)


def shaped(**changes: Any) -> GPT:
    """A small model with heads of 32, which go through AMX tiles where the CPU has them."""
    values: dict[str, Any] = {
        "vocab_size": 200,
        "n_layers": 2,
        "d_model": 64,
        "n_heads": 4,
        "n_kv_heads": 2,
        "d_ff": 96,
        "context_length": 512,
        "head_size": 32,
        "attention": ("dense",),
    }
    model = GPT(ModelConfig(**{**values, **changes}))
    rng = torch.Generator().manual_seed(2)
    for name, weight in model.named_parameters():
        std = 0.5 if "embedding" in name else 0.1 if weight.ndim < 2 else weight.shape[-1] ** -0.5
        torch.nn.init.normal_(weight, std=std, generator=rng)
        if weight.ndim < 2 and not name.endswith("bias"):
            weight.data += 1
    return model.eval().requires_grad_(False)


def native(model: GPT, *, slots: int = 1, threads: int = 1, **more: Any) -> NativeDecoder:
    context = model.config.context_length
    return NativeDecoder(model, slots=slots, context=context, threads=threads, **more)


FAMILIES: dict[str, dict[str, Any]] = {
    "ours": {},
    "tied": {"tie_embeddings": True, "embedding_norm": False},
    "gpt2": {
        "norm": "layer",
        "norm_eps": 1e-5,
        "mlp": "gelu",
        "bias": "all",
        "qk_norm": "none",
        "positions": "learned",
        "embedding_norm": False,
        "tie_embeddings": True,
    },
    "llama": {"qk_norm": "none", "embedding_norm": False, "rope_base": 500_000.0},
    "qwen2": {"qk_norm": "none", "embedding_norm": False, "bias": "qkv", "n_kv_heads": 1},
    "qwen3": {"qk_norm": "weighted", "embedding_norm": False, "d_ff": 104},
    "smollm3": {"qk_norm": "none", "embedding_norm": False, "rope_layers": (True, False)},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_gets_the_numbers_of_pytorch(family: str, variant: str) -> None:
    """Norms, biases, activations and positions as the config says."""
    model = shaped(**FAMILIES[family])
    tokens = torch.arange(3, 33).tolist()
    assert_near(native(model, variant=variant).read(0, tokens, every=True), pytorch(model, tokens))


@pytest.mark.parametrize(
    "kind", ["dense", "local(20)", "sparse(24, 8)", "strided(7)", "fixed(32, 5)"]
)
def test_long_reads_agree_with_steps_past_twice_the_window(kind: str) -> None:
    """Attention of long reads may be in bfloat16: within 2 % of the spread on average."""
    model = shaped(attention=(kind,))
    tokens = (torch.arange(300) * 37 % 200).tolist()
    read = native(model, slack=64).read(0, tokens, every=True)
    stepping = native(model, slack=64)
    steps = torch.cat([stepping.step([0], [token]) for token in tokens])
    assert_near(read, steps, mean=0.02, most=0.2)
    assert_near(steps, pytorch(model, tokens), mean=0.005, most=0.1)


@pytest.mark.parametrize("kind", ["dense", "local(20)", "sparse(24, 8)"])
def test_verifying_a_guess_gives_bit_for_bit_the_logits_of_stepping(kind: str) -> None:
    """Speculation is lossless: up to 32 tokens read at once, then taken back and read again."""
    model = shaped(attention=("dense", kind))
    first, second = native(model), native(model)
    prompt = (torch.arange(200) * 31 % 200).tolist()
    first.read(0, prompt)
    second.read(0, prompt)
    guess = torch.arange(32).tolist()
    burst = first.read(0, guess, every=True)
    steps = torch.cat([second.step([0], [token]) for token in guess])
    assert torch.equal(burst, steps)
    assert first.truncate(0, 207) == 207
    assert torch.equal(first.read(0, guess[7:], every=True), steps[7:])


def test_threads_change_nothing() -> None:
    """Work is divided by outputs and heads, so the sums are the same."""
    model = shaped(attention=("dense", "sparse(24, 8)"))
    tokens = (torch.arange(120) * 13 % 200).tolist()
    one, three = native(model, threads=1), native(model, threads=3)
    assert torch.equal(one.read(0, tokens), three.read(0, tokens))
    assert torch.equal(one.step([0], [5]), three.step([0], [5]))


def test_many_slots_step_in_one_call_and_as_if_alone() -> None:
    """A batch larger than the rows of one pass, each row equal to its own single step."""
    model = shaped(context_length=64)
    decoder = native(model, slots=70)
    tokens = list(range(70))
    together = decoder.step(tokens, tokens)
    alone = torch.cat([native(model).step([0], [token]) for token in tokens[:3]])
    assert torch.equal(together[:3], alone)
    assert decoder.step([3, 1], [9, 9]).shape == (2, 200)
    assert [decoder.length(slot) for slot in (1, 2, 3)] == [2, 1, 2]


def test_bytes_are_known_before_anything_is_allocated() -> None:
    """A ring of a window of 20 and a slack of 12 instead of a context of 8,192."""
    local = shaped(attention=("local(20)",), context_length=8192).config
    dense = shaped(context_length=8192).config
    assert cache_bytes(local, slack=12) * 200 < cache_bytes(dense)
    two_kinds_of_values, layers, heads, width, bfloat16 = 2, 2, 2, 32, 2
    room = 4 * 16 * width * bfloat16  # two blocks past the end, which tiles may read
    assert (
        cache_bytes(dense) == two_kinds_of_values * layers * heads * 8192 * width * bfloat16 + room
    )
    assert native(shaped(), slots=3).cache_bytes() == cache_bytes(shaped().config, slots=3)


def test_what_the_runtime_cannot_run_is_refused_with_the_reason() -> None:
    for changes, reason in [
        ({"norm_placement": "post"}, "post-norm"),
        ({"head_size": 8}, "multiple of 16"),
        ({"head_size": 512}, "up to 256"),
    ]:
        with pytest.raises(NativeUnavailable, match=reason):
            native(shaped(**changes))
    with pytest.raises(NativeUnavailable, match="variant"):
        native(shaped(), variant="abacus")


def test_tokens_outside_the_vocabulary_never_reach_the_runtime() -> None:
    decoder = native(shaped())
    for tokens in ([], [-1], [200]):
        with pytest.raises(ValueError, match="below 200"):
            decoder.read(0, tokens)
    with pytest.raises(ValueError, match="once"):
        decoder.step([0, 0], [1, 2])


def test_int8_weights_are_taken_as_they_are() -> None:
    """A model quantised before gives the very logits of one quantised while it is packed."""
    model = shaped(tie_embeddings=True)
    tokens = list(range(20))
    assert torch.equal(native(model).read(0, tokens), native(quantise_model(model)).read(0, tokens))
