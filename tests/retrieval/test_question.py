"""What a question asks for, whatever is said around it."""

from __future__ import annotations

import pytest

from retrieval.question import analyse, without_courtesy


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Can you tell me who wrote Don Quixote?", "who wrote Don Quixote?"),
        ("I wonder, what is the Sun made of?", "what is the Sun made of?"),
        ("Do you happen to know when it was dissolved?", "when it was dissolved?"),
        ("hey, what's an amphibian", "what's an amphibian"),
        ("Please tell me how many teeth a human has.", "how many teeth a human has."),
        ("I’d like to know in which year Rome fell", "in which year Rome fell"),
    ],
)
def test_a_question_is_freed_of_courtesy(said: str, asked: str) -> None:
    """Words to the one who is asked say nothing of what is looked for."""
    assert without_courtesy(said) == asked


@pytest.mark.parametrize(
    "said",
    [
        "Do you know my name?",
        "Tell me about Rome",
        "How do you know what to say?",
        "What I would like to know is this",
        "Who told you why?",
        "please",
        "",
    ],
)
def test_what_is_no_courtesy_stays(said: str) -> None:
    """Only what leads up to a question word is taken away."""
    assert without_courtesy(said) == said


@pytest.mark.parametrize(
    "text",
    [
        "What is inflation?",
        "what's an amphibian",
        "define osmosis",
        "What does the word “nocturnal” mean?",
        "meaning of archipelago",
        "what an eclipse is",
        "What is meant by inflation?",
    ],
)
def test_a_definition_is_asked_for_in_many_words(text: str) -> None:
    """All of these want to be told what a thing is."""
    assert analyse(text).asks_definition


@pytest.mark.parametrize("text", ["What does it mean to be free?", "When was Rome founded?"])
def test_other_questions_want_no_definition(text: str) -> None:
    """A definition would not answer these."""
    assert not analyse(text).asks_definition
