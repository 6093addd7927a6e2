"""Sampling on the device says what sampling on the host says; the graph's step runs eagerly."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from chatapp.inference.batch_engine import BatchEngine
from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.inference.graph_decoder import GraphDecoder
from chatapp.inference.masks.quote import QuoteOf
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.gpt import GPT
from tests.inference.conformance import KINDS, DecoderConformance, some_tokens, tiny_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
MODEL, TOKENIZER = load_model(FIXTURE)
WAYS = [
    SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=18),
    SamplingParams(temperature=1.2, seed=4, max_tokens=18),
    SamplingParams(temperature=2.0, top_k=0, top_p=0.9, seed=5, max_tokens=21),
    SamplingParams(temperature=1.5, top_k=0, top_p=1.0, min_p=0.02, seed=6, max_tokens=2),
]


class TestGraphDecoder(DecoderConformance):
    def decoder(self, model: GPT, slots: int = 1, slack: int = 6) -> GraphDecoder:
        return GraphDecoder(model, slots=slots, slack=slack)


def say(engine: Engine, text: str, params: SamplingParams) -> tuple[str, Finished]:
    *deltas, last = engine.stream([ChatMessage("user", text)], params, lambda: False)
    assert isinstance(last, Finished)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), last


@pytest.mark.parametrize("params", WAYS)
def test_the_answer_is_that_of_the_host(params: SamplingParams) -> None:
    """Greedy and drawn, with and without penalty, turn after turn on the same caches."""
    host = Engine("host", TorchDecoder(MODEL), TOKENIZER, longest_draft=0)
    device = Engine("device", GraphDecoder(MODEL), TOKENIZER)
    for text in ("Hello", "Who are you?", "Hello"):
        expected, slow = say(host, text, params)
        said, fast = say(device, text, params)
        assert (said, fast.reason) == (expected, slow.reason)
        assert fast.completion_tokens == slow.completion_tokens


def test_an_answer_that_is_given_up_leaves_the_cache_in_order() -> None:
    """Interrupted, closed, or ended by a stop string: the next answer is as from a fresh engine."""
    params = WAYS[0]
    expected, _ = say(Engine("host", TorchDecoder(MODEL), TOKENIZER), "Who are you?", params)
    engine = Engine("device", GraphDecoder(MODEL), TOKENIZER)
    asked = iter([False] * 4 + [True] * 99)
    hello = [ChatMessage("user", "Hello")]
    *_, last = engine.stream(hello, params, lambda: next(asked))
    assert isinstance(last, Finished)
    assert last.reason == "interrupted"
    assert say(engine, "Who are you?", params)[0] == expected
    stream = engine.stream(hello, params, lambda: False)
    next(stream)
    stream.close()
    assert say(engine, "Who are you?", params)[0] == expected
    cut, finished = say(engine, "Who are you?", replace(params, stop=(expected[5:8],)))
    assert (cut, finished.reason) == (expected[: expected.index(expected[5:8])], "stop")
    assert say(engine, "Who are you?", params)[0] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_bursts_write_every_layout_past_twice_its_window(kind: str) -> None:
    """The tokens of a loop, read again by a plain decoder, are what it would have chosen."""
    model = tiny_model(("dense", kind))
    params = SamplingParams(greedy=True, repetition_penalty=1.0)
    decoder = GraphDecoder(model, slots=2, slack=20)
    prompts = [some_tokens(3), some_tokens(11, seed=2)]
    first = [int(decoder.read(slot, prompt).argmax()) for slot, prompt in enumerate(prompts)]
    loop = decoder.loop(params, ends=())
    for slot in (0, 1):
        loop.admit(slot, first[slot], seed=0, limit=25)
    said: list[list[int]] = [[first[0]], [first[1]]]
    for _ in range(4):
        loop.launch()
        burst = loop.collect()
        for slot in (0, 1):
            said[slot] += [drawn.token for drawn in burst.of(slot)]
    for slot, prompt in enumerate(prompts):
        assert len(said[slot]) == 25
        plain = TorchDecoder(model)
        logits = plain.read(0, [*prompt, *said[slot]], every=True)
        assert logits.argmax(dim=-1)[len(prompt) - 1 : -1].tolist() == said[slot]
        loop.retire(slot, len(prompt) + 20)
        assert decoder.truncate(slot, len(prompt) + 18) == len(prompt) + 18
        expected = TorchDecoder(model).read(0, [*prompt, *said[slot][:18], 5])
        DecoderConformance.close(TestGraphDecoder(), decoder.read(slot, [5]), expected)


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("params", WAYS[1:])
def test_roll_outs_are_those_of_the_host(slots: int, params: SamplingParams) -> None:
    """Tokens, log-probabilities and ends, with slots that are refilled while others go on."""
    prompts = [TOKENIZER.encode_prompt([("user", text)]) for text in ("Hello", "Who?", "River")]
    host = BatchEngine(TorchDecoder(MODEL, slots=slots), TOKENIZER).generate(prompts, params, n=2)
    engine = BatchEngine(GraphDecoder(MODEL, slots=slots), TOKENIZER)
    for _ in range(2):
        device = engine.generate(prompts, params, n=2)
        assert [s.tokens for s in device] == [s.tokens for s in host]
        assert [s.finished for s in device] == [s.finished for s in host]
        for here, there in zip(device, host, strict=True):
            assert here.logprobs == pytest.approx(there.logprobs, abs=1e-4)
            assert here.sampling_logprobs == pytest.approx(there.sampling_logprobs, abs=1e-4)


@pytest.mark.parametrize("kind", [*KINDS, "sparse(40, 3)", "local(40)"])
def test_with_less_room_than_the_context_roll_outs_fill_it_to_the_last_place(kind: str) -> None:
    """Also where the window is wider than the room, and after the weights were changed in place."""
    model = tiny_model(("dense", kind))
    params = SamplingParams(temperature=1.0, seed=3, max_tokens=24, repetition_penalty=1.0)
    prompts = [some_tokens(12), some_tokens(4, seed=2), some_tokens(28, seed=4)]
    device = GraphDecoder(model, slots=2, capacity=30, slack=3)
    for _ in range(2):
        plain = TorchDecoder(model, slots=2, capacity=30)
        host = BatchEngine(plain, TOKENIZER).generate(prompts, params, n=2)
        made = BatchEngine(device, TOKENIZER).generate(prompts, params, n=2)
        assert [s.tokens for s in made] == [s.tokens for s in host]
        assert max(len(sample.tokens) for sample in made[4:]) == 2
        for weight in model.parameters():
            weight.mul_(1.1)


def test_a_small_ring_that_was_overwritten_is_not_copied_to_the_next_sample() -> None:
    """Samples of one prompt agree with the host, though a local layer forgets the prompt."""
    model = tiny_model(("local(5)", "sparse(5, 3)"))
    params = SamplingParams(temperature=1.0, seed=3, max_tokens=24, repetition_penalty=1.0)
    prompts = [some_tokens(12)]
    host = BatchEngine(TorchDecoder(model, slots=1), TOKENIZER).generate(prompts, params, n=4)
    small = GraphDecoder(model, slots=2, slack=1)
    device = BatchEngine(small, TOKENIZER).generate(prompts, params, n=4)
    assert [s.tokens for s in device] == [s.tokens for s in host]


def test_a_loop_that_is_dropped_is_freed_at_once() -> None:
    """Not when the garbage collector comes: it holds a graph and a model on the GPU."""
    decoder = GraphDecoder(MODEL)
    ways = [replace(WAYS[0], min_p=n / 100) for n in range(5)]
    gc.disable()
    try:
        loops = [weakref.ref(decoder.loop(way, ends=())) for way in ways]
        assert [loop() is None for loop in loops] == [True] + [False] * 4
        del decoder
        assert [loop() for loop in loops] == [None] * 5
    finally:
        gc.enable()


def test_what_needs_the_host_is_sampled_there() -> None:
    engine = Engine("device", GraphDecoder(MODEL), TOKENIZER)
    source = "A river runs to the sea."
    text, _ = say(engine, "Hello", replace(WAYS[0], constraint=QuoteOf(source)))
    assert text in source
    *_, last = engine.stream(
        [ChatMessage("user", "Hello")], replace(WAYS[0], logprobs=3), lambda: False
    )
    assert isinstance(last, Finished)
    assert not GraphDecoder.serves(replace(WAYS[0], logprobs=3))
