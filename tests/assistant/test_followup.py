"""Which questions lean on the one before, and what is searched for them."""

from __future__ import annotations

import pytest

from chatapp.assistant.followup import is_follow_up, key_terms, search_query


@pytest.mark.parametrize(
    "text",
    ["and who painted it?", "When did he die?", "What about Berlin?", "Why is that?", "But when?"],
)
def test_follow_ups(text):
    assert is_follow_up(text)


@pytest.mark.parametrize(
    "text",
    [
        "Who painted the Mona Lisa?",
        "What is the capital of France?",
        "",
        "What is the name of the cube in Mecca and when was it built by people?",
    ],
)
def test_questions_that_stand_on_their_own(text):
    assert not is_follow_up(text)
    assert search_query(text, ["What is the Kaaba?"]) == text


def test_the_topic_comes_from_the_last_question_that_stood_on_its_own():
    earlier = ["What is the Kaaba?", "Who was Leonardo da Vinci?", "where did he live?"]
    assert search_query("and when?", earlier) == "Leonardo da Vinci and when?"


def test_a_first_question_is_searched_as_it_is():
    assert search_query("and who painted it?", []) == "and who painted it?"


def test_key_terms_are_the_words_that_carry_the_topic():
    assert key_terms("Can you tell me what the Eiffel Tower of Paris is?") == [
        "Eiffel", "Tower", "Paris",
    ]  # fmt: skip
