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
        ("I'm just wondering\nwhat DNA is", "what DNA is"),
        ("so how do I quit?", "how do I quit?"),
        ("Can you tell me where I can find the log?", "where I can find the log?"),
        ("COULD YOU TELL ME WHO INVENTED GLASS", "WHO INVENTED GLASS"),
        ("hello there, could you tell me: Why is the sea salty?", "Why is the sea salty?"),
        ("I’d like to know in which year Rome fell", "in which year Rome fell"),
        ("Would you mind telling me who he was?", "who he was?"),
        ("Would you be so kind as to tell me when he died?", "when he died?"),
        ("By the way, can I ask how glass is made?", "how glass is made?"),
        ("One more question: who was she?", "who was she?"),
        ("I'd be curious to know whether bats are blind", "whether bats are blind"),
        ("Could you let me know if it is safe?", "if it is safe?"),
        ("Please tell me a little more about Rome", "a little more about Rome"),
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
        "tell me if you like me",
        "One More Time",
        "How do you know what to say?",
        "What I would like to know is this",
        "do you know who I am?",
        "do you know what my name is?",
        "I want to know what you think",
        "tell me what we talked about",
        "Tell Me Why lyrics",
        "I Want to Know What Love Is",
        "So What",
        "Did you know when I was ten I broke my arm?",
        "",
    ],
)
def test_what_is_no_courtesy_stays(said: str) -> None:
    """Only what leads up to a question word is taken away."""
    assert without_courtesy(said) == said


@pytest.mark.parametrize(
    "text",
    [
        "what's inflation",
        "whats inflation",
        "define inflation",
        "What does the word “inflation” mean?",
        "meaning of inflation",
        "what inflation is",
        "What is meant by inflation?",
        "definition of inflation",
    ],
)
def test_a_definition_is_asked_for_in_many_words(text: str) -> None:
    """All of these want to be told what a thing is, and their words are its words."""
    asked, plain = analyse(text), analyse("What is inflation?")
    assert asked.asks_definition
    assert asked.words == plain.words == ("inflation",)


@pytest.mark.parametrize(
    "text",
    [
        "What does it mean to be free?",
        "When was Rome founded?",
        "What do you mean?",
        "tell me what time it is",
        "what my name is",
        "what's up",
    ],
)
def test_other_questions_want_no_definition(text: str) -> None:
    """A definition would not answer these."""
    assert not analyse(text).asks_definition


@pytest.mark.parametrize("word", ["a" * 4_000 + "_x", "量" * 2_000 + "？"])
def test_a_long_word_is_looked_at_once(word: str) -> None:
    """A pasted hash or a line of Chinese ends; cut in each possible way it would take hours."""
    assert not analyse(f"define {word}").asks_definition
