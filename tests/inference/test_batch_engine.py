"""Batched generation gives each prompt what it would get alone, and says how likely it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from chatapp.inference.batch_engine import BatchEngine, Sample
from chatapp.inference.generator import ContextOverflow, SamplingParams
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
MODEL, TOKENIZER = load_model(FIXTURE)
PROMPTS = [
    TOKENIZER.encode_prompt([("user", text)])
    for text in ("Hello", "Who are you?", "What is a river?", "Hello")
]
DRAW = SamplingParams(
    max_tokens=12, temperature=0.9, top_k=20, top_p=1.0, repetition_penalty=1.0, seed=11
)


def generate(
    slots: int, params: SamplingParams = DRAW, n: int = 1, prompts: list[list[int]] = PROMPTS
) -> list[Sample]:
    engine = BatchEngine(TorchDecoder(MODEL, slots=slots), TOKENIZER)
    return engine.generate(prompts, params, n)


def test_a_sample_does_not_depend_on_how_many_are_made_at_once() -> None:
    """1, 3 or 16 slots: the same tokens for every prompt and sample, in the same order."""
    one, three, many = (generate(slots, n=3) for slots in (1, 3, 16))
    tokens = [sample.tokens for sample in one]
    assert len(tokens) == 12
    assert tokens == [sample.tokens for sample in three] == [sample.tokens for sample in many]


def test_the_samples_of_a_prompt_differ_and_so_do_equal_prompts() -> None:
    samples = generate(4, replace(DRAW, temperature=5.0), n=3)
    assert len({tuple(sample.tokens) for sample in samples[:3]}) == 3
    assert samples[0].tokens != samples[9].tokens  # both say hello


def test_greedy_replies_are_those_of_the_plain_model() -> None:
    samples = generate(2, SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=10))
    for prompt, sample in zip(PROMPTS, samples, strict=True):
        ids = list(prompt)
        for _ in sample.tokens:
            ids.append(int(MODEL(torch.tensor([ids]))[0, -1].argmax()))
        assert ids[len(prompt) :] == sample.tokens


def test_log_probabilities_are_those_of_the_model_and_of_the_sampling() -> None:
    """The first at temperature 1 over all tokens, the second after temperature and top-k."""
    samples = generate(3, n=2)
    for place, sample in enumerate(samples):
        prompt = PROMPTS[place // 2]
        logits = MODEL(torch.tensor([[*prompt, *sample.tokens]]))[0, len(prompt) - 1 : -1]
        tokens = torch.tensor(sample.tokens)[:, None]
        own = torch.log_softmax(logits, dim=-1).gather(1, tokens).squeeze(1)
        torch.testing.assert_close(torch.tensor(sample.logprobs), own, atol=1e-4, rtol=1e-4)
        tempered = logits / 0.9
        cut = tempered < tempered.topk(20).values[:, -1:]
        drawn = torch.log_softmax(tempered.masked_fill(cut, -torch.inf), dim=-1)
        torch.testing.assert_close(
            torch.tensor(sample.sampling_logprobs),
            drawn.gather(1, tokens).squeeze(1),
            atol=1e-4,
            rtol=1e-4,
        )


def test_the_token_that_ends_a_reply_is_part_of_it_and_a_cut_reply_is_unfinished() -> None:
    long = generate(2, replace(DRAW, greedy=True, max_tokens=60))
    ended = [sample for sample in long if sample.finished]
    assert ended
    assert all(sample.tokens[-1] == TOKENIZER.end_of_turn for sample in ended)
    short = generate(2, replace(DRAW, greedy=True, max_tokens=2))
    assert [(len(sample.tokens), sample.finished) for sample in short] == [(2, False)] * 4


def test_stop_strings_and_stop_tokens_end_a_reply() -> None:
    free = generate(2, replace(DRAW, greedy=True))[0]
    third = TOKENIZER.decode(free.tokens[2:3])
    by_text = generate(2, replace(DRAW, greedy=True, stop=(third,)))[0]
    by_token = generate(2, replace(DRAW, greedy=True, stop_tokens=(free.tokens[2],)))[0]
    assert by_text.tokens == by_token.tokens == free.tokens[:3]
    assert by_text.finished
    assert by_token.finished


def test_an_interrupt_keeps_what_there_is() -> None:
    asked = iter([False] * 4 + [True] * 9)
    engine = BatchEngine(TorchDecoder(MODEL, slots=2), TOKENIZER)
    samples = engine.generate(PROMPTS, DRAW, should_stop=lambda: next(asked))
    assert [len(sample.tokens) for sample in samples] == [4, 4, 0, 0]
    assert not any(sample.finished for sample in samples)


def test_a_model_in_training_is_sampled_with_its_present_weights() -> None:
    model, tokenizer = load_model(FIXTURE)
    engine = BatchEngine(TorchDecoder(model, slots=2), tokenizer)
    greedy = replace(DRAW, greedy=True)
    before = engine.generate(PROMPTS, greedy)
    with torch.no_grad():
        model.head.weight.copy_(-model.head.weight)
    after = engine.generate(PROMPTS, greedy)
    fresh = BatchEngine(TorchDecoder(model, slots=2), tokenizer).generate(PROMPTS, greedy)
    assert after == fresh != before


def test_prompts_that_cannot_be_answered_are_refused_before_anything_runs() -> None:
    with pytest.raises(ContextOverflow, match="prompt 1 takes 600"):
        generate(1, prompts=[PROMPTS[0], [5] * 600])
    with pytest.raises(ValueError, match="prompt 0 is empty"):
        generate(1, prompts=[[]])
