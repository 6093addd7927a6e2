"""The engine streams what the model says, stops when told, and reads only what is new."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from chatapp.inference.engine import Engine
from chatapp.inference.generator import (
    ChatMessage,
    ContextOverflow,
    Finished,
    Generator,
    SamplingParams,
    TextDelta,
)
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
GREEDY = SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=40)
HELLO = [ChatMessage("user", "Hello")]


def never() -> bool:
    return False


@pytest.fixture
def engine() -> Engine:
    return fresh_engine()


def fresh_engine() -> Engine:
    model, tokenizer = load_model(FIXTURE)
    return Engine("fixture", TorchDecoder(model, slots=2), tokenizer)


def say(
    engine: Generator, messages: list[ChatMessage], params: SamplingParams = GREEDY
) -> tuple[str, Finished]:
    *deltas, finished = engine.stream(messages, params, never)
    assert isinstance(finished, Finished)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), finished


def test_greedy_is_the_argmax_of_the_full_forward_pass(engine: Engine) -> None:
    """The cached, chunked engine says what the plain model says without any cache."""
    model, tokenizer = load_model(FIXTURE)
    ids = tokenizer.encode_prompt([("user", "Hello")])
    prompt = len(ids)
    while ids[-1] != tokenizer.end_of_turn and len(ids) - prompt < GREEDY.max_tokens:
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    assert say(engine, HELLO)[0] == tokenizer.decode(ids[prompt:])


def test_the_tuned_model_greets_and_ends_its_turn(engine: Engine) -> None:
    text, finished = say(engine, HELLO)
    assert text
    assert finished.reason == "stop"
    assert 0 < finished.completion_tokens < GREEDY.max_tokens


def test_the_same_seed_says_the_same_and_another_seed_something_else(engine: Engine) -> None:
    def draw(seed: int) -> str:
        return say(engine, HELLO, SamplingParams(seed=seed, temperature=1.5, top_k=0))[0]

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(5)}) > 1


def test_a_second_turn_reads_only_what_the_cache_lacks(engine: Engine) -> None:
    """What was said is not read again; only the end of the turn and the new question are."""
    text, first = say(engine, HELLO)
    longer = [*HELLO, ChatMessage("assistant", text), ChatMessage("user", "Who are you?")]
    answer, finished = say(engine, longer)
    assert finished.cached_tokens == first.prompt_tokens + first.completion_tokens
    assert say(fresh_engine(), longer)[0] == answer


def test_regenerating_reads_one_token_of_the_prompt(engine: Engine) -> None:
    _, first = say(engine, HELLO)
    _, again = say(engine, HELLO)
    assert (first.cached_tokens, again.cached_tokens) == (0, again.prompt_tokens - 1)


def test_a_side_question_leaves_the_conversation_in_the_cache(engine: Engine) -> None:
    """A loaded engine has two slots: a title or a follow-up query takes the other one."""
    conversation = [ChatMessage("user", "We spoke of rivers, of lakes and of the sea.")]
    text, first = say(engine, conversation)
    say(engine, [ChatMessage("user", "Name this conversation in three words.")])
    longer = [*conversation, ChatMessage("assistant", text), ChatMessage("user", "Go on")]
    _, finished = say(engine, longer)
    assert finished.cached_tokens >= first.prompt_tokens


def test_log_probabilities_are_the_models_own_for_every_token(engine: Engine) -> None:
    """They follow the text piece by piece and equal a full pass, whatever the sampling."""
    params = SamplingParams(seed=3, temperature=0.7, max_tokens=12, logprobs=2)
    items = list(engine.stream(HELLO, params, never))
    reported = [one for item in items if isinstance(item, TextDelta) for one in item.logprobs]
    assert isinstance(items[-1], Finished)
    assert len(reported) == items[-1].completion_tokens > 2
    model, tokenizer = load_model(FIXTURE)
    prompt = tokenizer.encode_prompt([("user", "Hello")])
    ids = [*prompt, *(one.token for one in reported)]
    own = torch.log_softmax(model(torch.tensor([ids]))[0, len(prompt) - 1 : -1], dim=-1)
    for one, row in zip(reported, own, strict=True):
        assert one.logprob == pytest.approx(float(row[one.token]), abs=1e-4)
        assert [token for token, _ in one.top] == row.topk(2).indices.tolist()
        assert [value for _, value in one.top] == pytest.approx(
            row.topk(2).values.tolist(), abs=1e-4
        )


def test_a_stop_token_ends_the_answer(engine: Engine) -> None:
    _, tokenizer = load_model(FIXTURE)
    whole, _ = say(engine, HELLO)
    first = tokenizer.encode(whole)[0]
    params = SamplingParams(greedy=True, repetition_penalty=1.0, stop_tokens=(first,))
    text, finished = say(engine, HELLO, params)
    assert (text, finished.reason, finished.completion_tokens) == ("", "stop", 0)


def test_should_stop_ends_the_stream_at_the_next_token(engine: Engine) -> None:
    asked = iter([False, False, False, True])
    items = list(engine.stream(HELLO, GREEDY, lambda: next(asked)))
    assert isinstance(items[-1], Finished)
    assert items[-1].reason == "interrupted"
    assert items[-1].completion_tokens == 2


def test_max_tokens_is_an_exact_limit(engine: Engine) -> None:
    _, finished = say(engine, HELLO, SamplingParams(greedy=True, max_tokens=3))
    assert (finished.reason, finished.completion_tokens) == ("length", 3)


def test_an_answer_that_was_cut_is_continued_where_it_ended(engine: Engine) -> None:
    whole, _ = say(engine, HELLO)
    half = whole[: whole.index(" ", len(whole) // 2)]
    rest, _ = say(engine, [*HELLO, ChatMessage("assistant", half)])
    assert half + rest == whole


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(engine: Engine) -> None:
    whole, _ = say(engine, HELLO)
    stop = whole[4:7]
    text, finished = say(
        engine, HELLO, SamplingParams(greedy=True, repetition_penalty=1.0, stop=(stop,))
    )
    assert finished.reason == "stop"
    assert text == whole[: whole.index(stop)]


def test_a_prompt_beyond_the_window_is_refused_with_both_numbers(engine: Engine) -> None:
    with pytest.raises(ContextOverflow, match=r"takes \d+ tokens, the model reads 512"):
        say(engine, [ChatMessage("user", "word " * 2000)])


def test_the_window_filled_to_the_last_token_does_not_overflow(engine: Engine) -> None:
    words = next(
        count
        for count in range(400, 100, -1)
        if engine.count_tokens([ChatMessage("user", "we " * count)]) < engine.context_length
    )
    _, finished = say(
        engine, [ChatMessage("user", "we " * words)], SamplingParams(greedy=True, max_tokens=999)
    )
    assert finished.prompt_tokens + finished.completion_tokens <= engine.context_length


def test_token_counts_in_the_stream_only_grow(engine: Engine) -> None:
    counts = [i.tokens for i in engine.stream(HELLO, GREEDY, never) if isinstance(i, TextDelta)]
    assert all(a < b for a, b in pairwise(counts))
