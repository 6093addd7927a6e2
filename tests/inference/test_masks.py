"""Masks: whatever the model would like to say, the reply is a quote, a match, a sentence."""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.inference.batch_engine import BatchEngine
from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.inference.masks.grammar import Grammar, JsonSchema, Regex
from chatapp.inference.masks.protocol import Constraint, ConstraintError
from chatapp.inference.masks.quote import QuoteOf
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
MODEL, TOKENIZER = load_model(FIXTURE)
SOURCE = "The Rhône rises in the Alps — at 2,208 m — and “flows” for 813 km.\nNaïve 水 text."
WILD = SamplingParams(temperature=3.0, top_k=0, top_p=1.0, repetition_penalty=1.0, max_tokens=80)


def walk(constraint: Constraint, seed: int, limit: int = 300) -> str:
    """Choose allowed tokens at random until the reply may end and does."""
    mask, rng, tokens = constraint.start(TOKENIZER), random.Random(seed), list[int]()
    for _ in range(limit):
        choices = mask.allowed().nonzero().flatten().tolist()
        token = rng.choice(choices)
        if token in TOKENIZER.end_ids:
            return TOKENIZER.decode(tokens)
        mask.advance(token)
        tokens.append(token)
    raise AssertionError("the reply did not end")


def accepts(constraint: Constraint, tokens: list[int]) -> bool:
    """Say whether a whole reply, cut into these tokens, is allowed."""
    mask = constraint.start(TOKENIZER)
    for token in [*tokens, TOKENIZER.end_of_turn]:
        if not mask.allowed()[token]:
            return False
        mask.advance(token)
    return True


def bytewise(text: str) -> list[int]:
    """The finest way of cutting a text: one token a byte."""
    spelled = TOKENIZER.token_bytes()
    return [spelled.index(bytes([byte])) for byte in text.encode()]


def reachable(constraint: Constraint, run: str) -> bool:
    """Say whether some way of cutting `run` into tokens is allowed from beginning to end."""
    spelled = TOKENIZER.token_bytes()

    def search(said: list[int], rest: bytes) -> bool:
        mask = constraint.start(TOKENIZER)
        for token in said:
            mask.advance(token)
        allowed = mask.allowed()
        if not rest:
            return bool(allowed[TOKENIZER.end_of_turn])
        ids = [t for t in allowed.nonzero().flatten().tolist() if spelled[t]]
        return any(
            search([*said, token], rest[len(spelled[token]) :])
            for token in ids
            if rest.startswith(spelled[token])
        )

    return search([], run.encode())


@settings(deadline=None, max_examples=80)
@given(
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=40),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
def test_every_allowed_reply_is_a_run_of_the_texts_characters(
    text: str, least: int, seed: int
) -> None:
    if len(text.strip()) < least:
        with pytest.raises(ConstraintError):
            QuoteOf(text, least).start(TOKENIZER)
        return
    quote = walk(QuoteOf(text, least), seed)
    assert quote in text
    assert len(quote) >= least
    assert quote == quote.strip()


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_every_run_of_whole_words_can_be_quoted(data: st.DataObject) -> None:
    """Also one that begins or ends inside a token of the text, with quotation marks or points."""
    begins = [m.start() for m in re.finditer(r"\w+|[^\w\s]", SOURCE)]
    ends = [m.end() for m in re.finditer(r"\w+|[^\w\s]", SOURCE)]
    begin = data.draw(st.sampled_from(begins))
    end = data.draw(st.sampled_from([end for end in ends if end > begin]))
    run = SOURCE[begin:end]
    assert reachable(QuoteOf(SOURCE), run)
    if begin > 0:
        assert not reachable(QuoteOf(SOURCE, least=len(SOURCE)), run)


@pytest.mark.parametrize(
    "other", ["The Alps", "rises  in", "水水", "", "the Rhône", "The Rhô", "hône rises", "rises "]
)
def test_what_does_not_stand_in_the_text_or_cuts_a_word_is_refused(other: str) -> None:
    assert not reachable(QuoteOf(SOURCE), other)


def test_a_quote_is_spelled_with_the_texts_own_tokens() -> None:
    """From the start of the text on there is one way to go on, and it is the tokenizer's."""
    mask = QuoteOf(SOURCE, least=len(SOURCE)).start(TOKENIZER)
    for token in TOKENIZER.encode(SOURCE):
        assert mask.allowed().nonzero().flatten().tolist() == [token]
        mask.advance(token)
    assert mask.allowed().nonzero().flatten().tolist() == [TOKENIZER.end_of_turn]


@pytest.mark.parametrize(("text", "least"), [("four", 5), ("", 1), (" \n ", 1), ("ab   ", 4)])
def test_more_than_there_is_cannot_be_quoted(text: str, least: int) -> None:
    with pytest.raises(ConstraintError, match=f"no quote of {least} characters"):
        QuoteOf(text, least).start(TOKENIZER)


def test_signs_of_scripts_without_blanks_can_be_quoted_one_by_one() -> None:
    assert reachable(QuoteOf("水火土"), "火")


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def test_json_follows_its_schema() -> None:
    pytest.importorskip("llguidance")
    for seed in range(5):
        text = walk(JsonSchema.of(PERSON), seed, limit=3000)
        jsonschema.validate(json.loads(text), PERSON)
    assert accepts(JsonSchema.of(PERSON), TOKENIZER.encode('{"name":"Ada","age":36}'))
    assert not accepts(JsonSchema.of(PERSON), TOKENIZER.encode('{"name":"Ada"}'))


def test_a_regular_expression_holds_for_the_whole_reply() -> None:
    pytest.importorskip("llguidance")
    for seed in range(5):
        assert re.fullmatch("(yes|no), [0-9]{2,4}!", walk(Regex("(yes|no), [0-9]{2,4}!"), seed))


def test_a_grammar_nests() -> None:
    pytest.importorskip("llguidance")
    balanced = Grammar('start: "(" start ")" | "x"')
    assert accepts(balanced, bytewise("((x))"))
    assert not accepts(balanced, bytewise("((x)"))


@pytest.mark.parametrize("broken", [JsonSchema("{"), Regex("("), Grammar("start: missing")])
def test_a_constraint_that_cannot_be_read_says_so(broken: Constraint) -> None:
    pytest.importorskip("llguidance")
    with pytest.raises(ConstraintError, match="constraint cannot be"):
        broken.start(TOKENIZER)


def test_without_the_library_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(ConstraintError, match="pip install llguidance"):
        Regex("a").start(TOKENIZER)


@pytest.mark.parametrize("longest_draft", [0, 12])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_streamed_answer_can_be_held_to_a_quote(seed: int, longest_draft: int) -> None:
    """A hot, rambling model still quotes; speculation and the mask do not disturb each other."""
    engine = Engine("m", TorchDecoder(MODEL), TOKENIZER, longest_draft=longest_draft)
    params = SamplingParams(**{**vars(WILD), "seed": seed, "constraint": QuoteOf(SOURCE, least=10)})
    *deltas, finished = engine.stream([ChatMessage("user", SOURCE)], params, lambda: False)
    text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    assert isinstance(finished, Finished)
    assert text in SOURCE
    assert finished.reason == "length" or len(text) >= 10


def test_roll_outs_follow_the_mask_too() -> None:
    engine = BatchEngine(TorchDecoder(MODEL, slots=3), TOKENIZER)
    params = SamplingParams(**{**vars(WILD), "seed": 1, "constraint": QuoteOf(SOURCE)})
    prompt = TOKENIZER.encode_prompt([("user", "Hello")])
    for sample in engine.generate([prompt], params, n=5):
        assert TOKENIZER.decode(sample.tokens) in SOURCE
