"""Prompt lookup changes the speed and never the answer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.inference.lookup import PromptLookup
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.gpt import GPT

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
MODEL, TOKENIZER = load_model(FIXTURE)
WORDS = ["Hello", "river", "who", "are", "you", "the", "sea", "and", "is", "a", "model", "?"]


def answer(engine: Engine, text: str, params: SamplingParams) -> tuple[str, Finished]:
    *deltas, last = engine.stream([ChatMessage("user", text)], params, lambda: False)
    assert isinstance(last, Finished)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), last


def prompts(count: int) -> list[str]:
    """Texts that repeat themselves, as a question with its sources does."""
    rng = random.Random(5)
    return [" ".join(rng.choices(WORDS, k=rng.randint(2, 30))) for _ in range(count)]


def engines() -> tuple[Engine, Engine]:
    """The same model without and with speculation."""
    return (
        Engine("plain", TorchDecoder(MODEL), TOKENIZER, longest_draft=0),
        Engine("fast", TorchDecoder(MODEL), TOKENIZER),
    )


def test_greedy_answers_to_a_hundred_prompts_are_identical_and_take_fewer_steps() -> None:
    plain, fast = engines()
    params = SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=12)
    slow_steps = fast_steps = 0
    for text in prompts(100):
        expected, slow = answer(plain, text, params)
        said, quick = answer(fast, text, params)
        assert said == expected
        assert (quick.reason, quick.completion_tokens) == (slow.reason, slow.completion_tokens)
        slow_steps, fast_steps = slow_steps + slow.steps, fast_steps + quick.steps
    assert fast_steps < slow_steps


@pytest.mark.parametrize("penalty", [1.0, 1.1])
def test_sampled_answers_are_identical_too(penalty: float) -> None:
    """Each draw depends on seed and place alone, so a right guess is what was going to be drawn."""
    plain, fast = engines()
    for seed, text in enumerate(prompts(20)):
        params = SamplingParams(
            seed=seed, temperature=0.8, top_p=0.9, repetition_penalty=penalty, max_tokens=16
        )
        assert answer(fast, text, params)[0] == answer(plain, text, params)[0]


def test_copying_takes_a_fraction_of_the_steps() -> None:
    """A model that repeats for ever is verified many tokens at a time."""
    constant = GPT(MODEL.config).eval().requires_grad_(False)
    for weight in constant.parameters():
        torch.nn.init.zeros_(weight)
    engine = Engine("same", TorchDecoder(constant), TOKENIZER)
    params = SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=60, stop_tokens=())
    quoting = "zz " * 20
    token = TOKENIZER.encode("a")[0]
    with torch.no_grad():
        constant.final_norm.weight.fill_(1.0)
        constant.embedding.weight.fill_(1.0)
        constant.head.weight[token] = 1.0
    _, finished = answer(engine, quoting, params)
    assert finished.completion_tokens == 60
    assert finished.steps < 15


def test_guesses_continue_the_latest_run_that_ended_like_this_one() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 9, 1, 2, 3, 7, 8, 1, 2, 3], longest=8)
    assert lookup.guess(4) == [7, 8, 1, 2]
    assert lookup.guess(1) == [7]
    lookup.extend([4])
    assert lookup.guess(4) == [5, 9, 1, 2]


def test_a_repetition_is_guessed_beyond_the_last_token() -> None:
    assert PromptLookup([7, 1, 2, 1, 2, 1], longest=8).guess(4) == [2, 1, 2, 1]


def test_nothing_is_guessed_where_nothing_repeats_or_guessing_is_off() -> None:
    assert PromptLookup(range(50), longest=8).guess(8) == []
    assert PromptLookup([1, 2, 1, 2], longest=0).guess(8) == []


def test_guesses_grow_with_success_and_pause_after_failure() -> None:
    lookup = PromptLookup([1, 2] * 30, longest=8)
    assert len(lookup.guess(99)) == 4
    lookup.learn(4, 4)
    assert len(lookup.guess(99)) == 8
    lookup.learn(1, 8)
    assert len(lookup.guess(99)) == 2
    lookup.learn(0, 2)
    assert lookup.guess(99) == []  # one round of rest
    assert len(lookup.guess(99)) == 1
