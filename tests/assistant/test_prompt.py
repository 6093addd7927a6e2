"""What the model reads: the question always, then as much of what was said as fits."""

from __future__ import annotations

import pytest

from chatapp.assistant.prompt import LONGEST_PROMPT, build_prompt
from chatapp.conversations import Message
from chatapp.conversations.seen import PromptTurn
from chatapp.inference.generator import ContextOverflow
from tests.fakes import FakeGenerator


def history(*texts: str) -> list[Message]:
    """Return a conversation, question and answer in turn."""
    roles = ("user", "assistant")
    return [
        Message(str(n), "c", None, roles[n % 2], text, "complete", "")
        for n, text in enumerate(texts)
    ]


def contents(prompt) -> list[str]:
    return [message.content for message in prompt.messages]


def test_everything_is_kept_while_it_fits():
    prompt = build_prompt(
        FakeGenerator(), history("one", "two", "three"), system=PromptTurn("system", "be brief")
    )
    assert contents(prompt) == ["be brief", "one", "two", "three"]
    assert (prompt.tokens, prompt.dropped) == (9, 0)


def test_the_oldest_rounds_fall_out_whole_and_are_counted():
    said = history("q1 " * 10, "a1 " * 10, "q2 " * 10, "a2 " * 10, "q3")
    prompt = build_prompt(FakeGenerator(context_length=40), said, max_tokens=10)
    assert contents(prompt) == ["q2 " * 10, "a2 " * 10, "q3"]
    assert prompt.dropped == 2
    assert prompt.tokens + prompt.max_tokens <= 40


def test_room_for_an_answer_is_kept_free_of_history_but_not_of_the_question():
    long_question = history("old", "old", "new " * 35)
    prompt = build_prompt(FakeGenerator(context_length=40), long_question, max_tokens=10)
    assert contents(prompt) == ["new " * 35]
    assert prompt.max_tokens == 4


def test_a_question_that_does_not_fit_says_by_how_much():
    with pytest.raises(ContextOverflow, match=r"41 tokens.*at most 40"):
        build_prompt(FakeGenerator(context_length=40), history("new " * 40))


def test_a_refused_prompt_and_what_came_before_it_stay_out():
    said = history("one", "two", "x" * (LONGEST_PROMPT + 1), "", "three")
    assert contents(build_prompt(FakeGenerator(context_length=10**6), said)) == ["three"]


def test_empty_answers_are_left_out():
    assert contents(build_prompt(FakeGenerator(), history("one", "", "two"))) == ["one", "two"]
