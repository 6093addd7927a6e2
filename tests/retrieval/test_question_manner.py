"""To whom and how something is to be told is no part of what is looked for."""

from __future__ import annotations

import time

import pytest

from retrieval.question import AnswerKind, analyse, without_courtesy


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Explain photosynthesis to a child", "What is photosynthesis?"),
        ("explain photosynthesis to me like I'm five", "What is photosynthesis?"),
        ("Explain relativity as if I were a five-year-old.", "What is relativity?"),
        ("Can you explain black holes in simple words, please?", "What are black holes?"),
        ("Hi, could you explain to me DNA?", "What is DNA?"),
        ("explain inflation briefly", "What is inflation?"),
        ("Briefly explain World War II", "What is World War II?"),
        ("Explain the theory of relativity like I’m 5", "What is the theory of relativity?"),
        ("EXPLAIN GRAVITY TO A CHILD", "What is GRAVITY?"),
        ("explain the causes of World War I", "What are the causes of World War I?"),
        ("explain physics with examples", "What is physics with examples?"),
        ("ELI5 gravity", "What is gravity?"),
        ("ELI5: how do planes fly?", "how do planes fly?"),
        ("tell me about Rome in one sentence", "tell me about Rome"),
        ("What is DNA in simple terms?", "What is DNA?"),
        ("In simple terms, what is DNA?", "what is DNA?"),
        ("How does a computer work in a nutshell?", "How does a computer work?"),
        ("explain what DNA is to me", "what DNA is"),
        ("Explain it to a child", "Explain it"),
        ("explain in simple terms", "explain"),
    ],
)
def test_audience_and_manner_are_taken_off(said: str, asked: str) -> None:
    """What is left is the question that the sources can answer."""
    assert without_courtesy(said) == asked


@pytest.mark.parametrize(
    "said",
    [
        "How do you explain death to a child?",
        "How should I explain divorce in simple words?",
        "Why did Hemingway write in plain words?",
        "Why does he write in plain words?",
        "Who was king of England briefly?",
        "What is the meaning of in a nutshell?",
        'Who wrote "Explain It in Simple Words"?',
        "Explain Like I'm Five",
        "Tell me about the trip to my son",
        "explain my results",
        "explain this",
        "Explain gravity and why it matters",
        "photosynthesis for kids",
    ],
)
def test_what_is_asked_stays(said: str) -> None:
    """Where the same words are what is asked, or part of a name, none is taken."""
    assert without_courtesy(said) == said


def test_what_is_done_to_somebody_is_no_audience() -> None:
    assert without_courtesy("Explain what happens to a child") == "what happens to a child"


@pytest.mark.parametrize("said", ["explain photosynthesis", "Explain black holes to my son"])
def test_an_explanation_is_a_definition(said: str) -> None:
    """Like "What is photosynthesis?"."""
    assert analyse(without_courtesy(said)).asks_definition


@pytest.mark.parametrize("said", ["explain how a car works", "explain to a child how a car works"])
def test_how_something_works_stays_a_question_of_manner(said: str) -> None:
    asked = analyse(without_courtesy(said))
    assert (asked.kind, asked.asks_definition) == (AnswerKind.MANNER, False)


@pytest.mark.parametrize(
    "said", ["explain briefly ", "explain a to a child ", "in  simple  words, "]
)
def test_a_long_wish_is_read_at_once(said: str) -> None:
    """Nothing is looked at again and again."""
    began = time.perf_counter()
    without_courtesy((said * 300)[:300])
    without_courtesy(said * 3_000)
    assert time.perf_counter() - began < 2
