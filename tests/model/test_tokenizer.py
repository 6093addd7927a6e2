"""Byte-level BPE spells any text, and no text can forge a turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.model.tokenizer import SPECIAL_TOKENS, ChatTokenizer, TokenizerError

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model" / "tokenizer.json"
TOKENIZER = ChatTokenizer.load(FIXTURE)


@settings(deadline=None)
@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    assert sum(TOKENIZER.byte_lengths()[i] for i in ids) == len(text.encode())


class Alone:
    """Says yes to a text only where other threads can run while it is encoded."""

    def __init__(self, library: Any) -> None:
        self.encode_batch_fast = library.encode_batch_fast

    def encode(self, text: str, **how: Any) -> object:
        raise AssertionError(f"the interpreter stands still for {len(text)} characters")


def test_a_long_text_is_encoded_while_other_threads_run(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "A long story, told in 99 words. " * 2000
    expected = TOKENIZER._tokenizer.encode(text, add_special_tokens=False).ids
    monkeypatch.setattr(TOKENIZER, "_tokenizer", Alone(TOKENIZER._tokenizer))
    assert TOKENIZER.encode(text) == expected


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_a_special_token_written_in_a_message_stays_text(token: str) -> None:
    ids = TOKENIZER.encode(f"a {token} b")
    assert TOKENIZER.decode(ids) == f"a {token} b"
    assert not set(ids) & {TOKENIZER.end_of_text, TOKENIZER.end_of_turn, TOKENIZER.padding}


def test_only_what_the_assistant_says_is_trained_and_its_end_with_it() -> None:
    chat = TOKENIZER.encode_chat([("user", "Hello"), ("assistant", "Hi!"), ("user", "Bye")])
    spoken = [i for i, trained in zip(chat.ids, chat.trained, strict=True) if trained]
    assert spoken == [*TOKENIZER.encode("Hi!"), TOKENIZER.end_of_turn]


def test_a_prompt_is_the_training_form_up_to_the_answer() -> None:
    said = [("user", "Hello"), ("assistant", "Hi!")]
    prompt = TOKENIZER.encode_prompt(said[:1])
    assert TOKENIZER.encode_chat(said).ids[: len(prompt)] == prompt


def test_padding_is_neither_end() -> None:
    """A model whose padding is its end of turn never learns to stop."""
    assert len({TOKENIZER.padding, TOKENIZER.end_of_turn, TOKENIZER.end_of_text}) == 3


def test_an_unknown_role_is_named() -> None:
    with pytest.raises(ValueError, match="'robot'"):
        TOKENIZER.encode_chat([("robot", "beep")])


@pytest.mark.parametrize("content", ["", "{}", '{"version": "1.0"}', "nonsense"])
def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        ChatTokenizer.load(path)
