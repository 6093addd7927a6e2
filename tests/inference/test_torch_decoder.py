"""The plain PyTorch decoder keeps the contract, in every layout, dtype and while it is trained."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.cache import cache_bytes
from chatapp.model.gpt import GPT
from chatapp.model.layouts import ring, union
from tests.inference.conformance import KINDS, DecoderConformance, some_tokens, tiny_model


class TestTorchDecoder(DecoderConformance):
    def decoder(self, model: GPT, slots: int = 1, slack: int = 6) -> TorchDecoder:
        return TorchDecoder(model, slots=slots, slack=slack)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_are_known_before_anything_is_allocated(kind: str) -> None:
    model = tiny_model(("dense", kind))
    promised = cache_bytes(model.config, slots=2, capacity=40, slack=6)
    assert TorchDecoder(model, slots=2, capacity=40, slack=6).cache_bytes() == promised


def test_local_layers_take_their_window_and_not_the_context() -> None:
    config = tiny_model(("local(5)",), context=4096).config
    assert cache_bytes(config, slack=3) == 2 * 3 * 2 * 8 * 16 * 4  # k+v, layers, heads, R, width
    assert cache_bytes(config, slack=3) * 512 == cache_bytes(
        tiny_model(("dense",), context=4096).config
    )


def test_a_ring_that_was_overwritten_is_read_again_from_the_start() -> None:
    """Cutting back further than the slack gives 0, and the slot then works like a fresh one."""
    model = tiny_model(("local(5)", "dense"))
    decoder = TorchDecoder(model, slack=2)
    decoder.read(0, some_tokens(40))
    assert decoder.truncate(0, 20) == 0
    tokens = some_tokens(15, seed=9)
    torch.testing.assert_close(
        decoder.read(0, tokens), model(torch.tensor([tokens]))[0, -1], atol=2e-5, rtol=1e-4
    )


def test_a_union_layer_is_cut_anywhere_without_reading_again() -> None:
    """Its classes hold every position and refill the ring."""
    model = tiny_model(("sparse(5, 3)",))
    decoder = TorchDecoder(model, slack=1)
    tokens = some_tokens(40)
    decoder.read(0, tokens)
    assert decoder.truncate(0, 11) == 11
    expected = model(torch.tensor([[*tokens[:11], 2]]))[0, -1]
    torch.testing.assert_close(decoder.read(0, [2]), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(("kind", "layout"), [("sparse(64, 3)", union), ("local(64)", ring)])
def test_a_step_is_one_where_the_window_is_wider_than_all_that_fits(
    kind: str, layout: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ring of the whole capacity loses nothing: one step, then guesses up to its last place."""
    steps = 0
    plain = layout.attend_step

    def counted(*arguments: Any) -> Tensor:
        nonlocal steps
        steps += 1
        return plain(*arguments)

    monkeypatch.setattr(layout, "attend_step", counted)
    model = tiny_model((kind,))
    decoder = TorchDecoder(model, capacity=20)
    tokens = some_tokens(20)
    decoder.read(0, tokens[:12])
    made = [*decoder.step([0], tokens[12:13]), *decoder.read(0, tokens[13:], every=True)]
    expected = model(torch.tensor([tokens]))[0, 12:]
    torch.testing.assert_close(torch.stack(made), expected, atol=2e-5, rtol=1e-4)
    assert steps == 2 * model.config.n_layers


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_decodes_what_bfloat16_reads_whole(kind: str) -> None:
    model = tiny_model((kind,)).to(torch.bfloat16)
    tokens = some_tokens(30)
    decoder = TorchDecoder(model, slack=4)
    steps = torch.cat([decoder.step([0], [token]) for token in tokens])
    whole = model(torch.tensor([tokens]))[0]
    exact = tiny_model((kind,)).double()(torch.tensor([tokens]))[0]
    # the same size of error as the whole pass has against float64
    assert (steps - exact).abs().mean() <= 2 * (whole - exact).abs().mean()


def test_it_follows_the_weights_of_a_model_in_training() -> None:
    model = tiny_model(("dense",))
    decoder = TorchDecoder(model)
    before = decoder.read(0, [1, 2, 3])
    with torch.no_grad():
        model.head.weight.mul_(2)
    decoder.truncate(0, 0)
    torch.testing.assert_close(decoder.read(0, [1, 2, 3]), 2 * before)


def test_a_slot_cannot_step_twice_at_once() -> None:
    decoder = TorchDecoder(tiny_model(("dense",)), slots=2)
    with pytest.raises(ValueError, match="once"):
        decoder.step([1, 1], [3, 4])
