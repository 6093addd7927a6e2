"""An interrupt is noticed within 50 ms, whatever the model's speed: time is simulated here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams
from chatapp.model.checkpoint import load_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
_, TOKENIZER = load_model(FIXTURE)


class FakeClock:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeDecoder:
    """A model that knows nothing and takes its time: a fixed cost a call, and one a token."""

    vocab_size, context_length, slots = TOKENIZER.vocab_size, 4096, 1

    def __init__(self, clock: FakeClock, per_call: float, per_token: float) -> None:
        self._clock, self._per_call, self._per_token = clock, per_call, per_token
        self._length = 0
        self.calls: list[int] = []

    def length(self, slot: int) -> int:
        return self._length

    def read(self, slot: int, tokens: Sequence[int], *, every: bool = False) -> Tensor:
        self._clock.now += self._per_call + self._per_token * len(tokens)
        self.calls.append(len(tokens))
        self._length += len(tokens)
        logits = torch.zeros(len(tokens), self.vocab_size)
        logits[:, 100] = 1.0
        return logits if every else logits[-1]

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> Tensor:
        return self.read(0, tokens, every=True)

    def truncate(self, slot: int, length: int) -> int:
        self._length = min(length, self._length)
        return self._length

    def copy(self, source: int, target: int) -> None:
        raise AssertionError("there is one slot")

    def cache_bytes(self) -> int:
        return 0


@pytest.mark.parametrize("per_call", [0.0, 0.012])
@pytest.mark.parametrize("tokens_a_second", [500, 2_000, 50_000])
def test_reading_a_long_prompt_stops_within_50_ms_at_any_moment(
    per_call: float, tokens_a_second: int
) -> None:
    """Slow and fast models, with and without a fixed cost a call; ten moments of each."""
    for moment in range(1, 11):
        assert seconds_to_notice(per_call, 1 / tokens_a_second, moment / 11) <= 0.05


def seconds_to_notice(per_call: float, per_token: float, moment: float) -> float:
    """Interrupt the reading of a prompt when this part of it should be read."""
    clock = FakeClock()
    engine = Engine("fake", FakeDecoder(clock, per_call, per_token), TOKENIZER, clock=clock)
    messages = [ChatMessage("user", "word " * 1500)]
    at = moment * engine.count_tokens(messages) * per_token
    *_, last = engine.stream(messages, SamplingParams(), lambda: clock.now >= at)
    assert isinstance(last, Finished)
    assert last.reason == "interrupted"
    return clock.now - at


def test_a_fast_model_is_not_held_up_by_small_pieces() -> None:
    """At 50,000 tokens a second a prompt of thousands takes a few calls, not hundreds."""
    clock = FakeClock()
    decoder = FakeDecoder(clock, 0.0, 1 / 50_000)
    engine = Engine("fake", decoder, TOKENIZER, clock=clock)
    list(engine.stream([ChatMessage("user", "word " * 1500)], SamplingParams(max_tokens=1), bool))
    assert max(decoder.calls) == 1024
    assert len(decoder.calls) < 12


def test_guesses_too_are_verified_within_the_promise() -> None:
    """The slowest model that decodes 25 tokens a second: a draft costs no more than its time."""
    clock = FakeClock()
    decoder = FakeDecoder(clock, 0.0, 0.004)
    engine = Engine("fake", decoder, TOKENIZER, clock=clock)
    params = SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=200)
    longest, before = 0.0, 0.0
    for _ in engine.stream([ChatMessage("user", "Hello")], params, bool):
        longest, before = max(longest, clock.now - before), clock.now
    assert longest <= 0.05
