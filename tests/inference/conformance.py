"""What every `Decoder` must do; a subclass names the decoder and its tolerance.

The reference is the model's own forward pass over the whole sequence, without any cache. A
quantised decoder is compared with `reference`, which it may override with its own whole read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chatapp.inference.decoder import Decoder
from chatapp.inference.generator import ContextOverflow
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT

KINDS = ["dense", "local(5)", "strided(3)", "sparse(5, 3)", "sparse(3, 7)", "fixed(6, 2)"]
CONTEXT = 48


def tiny_model(attention: tuple[str, ...], context: int = CONTEXT) -> GPT:
    """Three layers with random weights large enough that every key matters."""
    model = GPT(
        ModelConfig(
            vocab_size=64,
            n_layers=3,
            d_model=32,
            n_heads=4,
            n_kv_heads=2,
            d_ff=48,
            context_length=context,
            attention=attention,
            head_size=16,  # the least that the compiled runtime takes
        )
    )
    rng = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=rng)
    return model.eval().requires_grad_(False)


def some_tokens(count: int, seed: int = 1) -> list[int]:
    """Random token ids."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(64, (count,), generator=rng).tolist()


class DecoderConformance(ABC):
    """Tests of one kind of decoder; `slack` of its rings is small so that they wrap."""

    atol = 2e-5
    rtol = 1e-4

    @abstractmethod
    def decoder(self, model: GPT, slots: int = 1, slack: int = 6) -> Decoder:
        """Build the decoder under test."""

    def reference(self, model: GPT, tokens: list[int]) -> Tensor:
        """Return logits after every token, (T, V)."""
        return model(torch.tensor([tokens]))[0]  # type: ignore[no-any-return]

    def close(self, actual: Tensor, expected: Tensor) -> None:
        """Assert equality within this decoder's tolerance."""
        torch.testing.assert_close(actual, expected, atol=self.atol, rtol=self.rtol)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("first", ["dense", None])
    def test_steps_equal_chunks_equal_the_whole_at_every_position(
        self, kind: str, first: str | None
    ) -> None:
        """Well past twice the window and the ring, for every layer kind, alone and alternating."""
        model = tiny_model((first, kind) if first else (kind,))
        tokens = some_tokens(41)
        whole = self.reference(model, tokens)
        for chunk in (41, 7, 1):
            decoder = self.decoder(model)
            parts = [
                decoder.read(0, tokens[start : start + chunk], every=True)
                for start in range(0, 41, chunk)
            ]
            self.close(torch.cat(parts), whole)
        stepping = self.decoder(model)
        self.close(torch.cat([stepping.step([0], [token]) for token in tokens]), whole)

    def test_reading_returns_the_last_logits_unless_every_is_asked_for(self) -> None:
        model = tiny_model(("dense",))
        tokens = some_tokens(9)
        last = self.decoder(model).read(0, tokens)
        assert last.shape == (64,)
        assert last.dtype == torch.float32
        self.close(last, self.decoder(model).read(0, tokens, every=True)[-1])

    @pytest.mark.parametrize("kind", KINDS)
    def test_slots_of_different_lengths_step_together_as_if_alone(self, kind: str) -> None:
        """No slot notices the others, whichever take part and in whatever order."""
        model = tiny_model(("dense", kind))
        sequences = [some_tokens(count, seed=count) for count in (1, 17, 30)]
        decoder = self.decoder(model, slots=4)
        for slot, tokens in enumerate(sequences):
            decoder.read(slot, tokens)
        expected = [self.reference(model, [*tokens, 5])[-1] for tokens in sequences]
        together = decoder.step([2, 0, 1], [5, 5, 5])
        for row, slot in enumerate((2, 0, 1)):
            self.close(together[row], expected[slot])
        assert [decoder.length(slot) for slot in range(4)] == [2, 18, 31, 0]

    @pytest.mark.parametrize("kind", KINDS)
    @settings(deadline=None, max_examples=15)
    @given(data=st.data())
    def test_any_history_of_reads_cuts_and_copies_is_as_good_as_a_fresh_read(
        self, kind: str, data: st.DataObject
    ) -> None:
        """After `truncate` the slot holds what it says, never more than asked; then it goes on."""
        model = tiny_model((kind, "dense"))
        decoder = self.decoder(model, slots=2)
        held: list[list[int]] = [[], []]
        for step in range(data.draw(st.integers(1, 8))):
            slot = data.draw(st.integers(0, 1))
            action = data.draw(st.sampled_from(["read", "read", "cut", "copy"]))
            if action == "cut":
                length = data.draw(st.integers(0, CONTEXT))
                kept = decoder.truncate(slot, length)
                assert kept <= max(0, min(length, len(held[slot])))
                del held[slot][kept:]
            elif action == "copy":
                decoder.copy(slot, 1 - slot)
                held[1 - slot] = list(held[slot])
            elif (room := CONTEXT - len(held[slot])) > 0:
                tokens = some_tokens(data.draw(st.integers(1, min(room, 20))), seed=step)
                decoder.read(slot, tokens)
                held[slot] += tokens
            assert [decoder.length(0), decoder.length(1)] == [len(held[0]), len(held[1])]
        for slot in (0, 1):
            if len(held[slot]) < CONTEXT:
                after = decoder.read(slot, [7])
                self.close(after, self.reference(model, [*held[slot], 7])[-1])

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_few_tokens_can_always_be_taken_back(self, kind: str) -> None:
        """Up to `slack` tokens back nothing is lost, however long the sequence: speculation."""
        model = tiny_model((kind,))
        decoder = self.decoder(model, slack=6)
        tokens = some_tokens(40)
        decoder.read(0, tokens)
        assert decoder.truncate(0, 34) == 34
        self.close(decoder.read(0, [3]), self.reference(model, [*tokens[:34], 3])[-1])

    def test_a_full_slot_refuses_more_and_stays_as_it_was(self) -> None:
        model = tiny_model(("dense", "local(5)"))
        decoder = self.decoder(model)
        tokens = some_tokens(CONTEXT - 1)
        decoder.read(0, tokens)
        with pytest.raises(ContextOverflow):
            decoder.read(0, [1, 2])
        self.close(decoder.read(0, [1]), self.reference(model, [*tokens, 1])[-1])
        with pytest.raises(ContextOverflow):
            decoder.step([0], [1])

    def test_the_bytes_of_the_caches_are_known(self) -> None:
        model = tiny_model(("dense",))
        assert (
            self.decoder(model, slots=3).cache_bytes() == 3 * self.decoder(model).cache_bytes() > 0
        )
