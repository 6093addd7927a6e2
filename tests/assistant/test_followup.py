"""Which questions lean on the one before, and what is searched for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp.assistant.followup import is_follow_up, key_terms, search_query

TURNS = Path("data/samples/followup/turns.jsonl")


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
        "Which animal is the largest that has ever lived on land?",
        "Why do leaves change their colour in autumn?",
        "Is it true that bats are blind?",
        "Is there life on Mars?",
        "And who wrote Faust?",
        "who won the cup this year?",
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


@pytest.mark.parametrize(("name", "first", "least"), [("read", 0, 39), ("only counted", 1, 36)])
def test_written_turns_are_told_apart(name, first, least):
    """The rule was made with the even lines; the odd ones say how far it carries."""
    turns = [json.loads(line) for line in TURNS.read_text("utf-8").splitlines()][first::2]
    right = sum(is_follow_up(turn["text"]) == turn["follow_up"] for turn in turns)
    print(f"follow-ups, {name}: {right} of {len(turns)}")
    assert len(turns) == 40
    assert right >= least
