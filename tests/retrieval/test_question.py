"""What a question asks for, whatever is said around it."""

from __future__ import annotations

import pytest

from retrieval.question import AnswerKind, analyse, without_courtesy


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
        "What is the meaning of inflation?",
        "what's the definition of inflation",
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
        "What is the year?",
    ],
)
def test_other_questions_want_no_definition(text: str) -> None:
    """A definition would not answer these."""
    assert not analyse(text).asks_definition


@pytest.mark.parametrize("word", ["a" * 4_000 + "_x", "量" * 2_000 + "？"])
def test_a_long_word_is_looked_at_once(word: str) -> None:
    """A pasted hash or a line of Chinese ends; cut in each possible way it would take hours."""
    assert not analyse(f"define {word}").asks_definition


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Why does water expand when it freezes?", AnswerKind.REASON),
        ("Why did people who smoked die?", AnswerKind.REASON),
        ("How do I find a conversation when I forgot its title?", AnswerKind.MANNER),
        ("And how did the people who fled live?", AnswerKind.MANNER),
        ("How old was he when he died?", AnswerKind.NUMBER),
        ("Who says why?", AnswerKind.PERSON),
        ("In what year was he born?", AnswerKind.TIME),
        ("When does water freeze?", AnswerKind.TIME),
    ],
)
def test_the_word_that_leads_says_what_is_asked_for(text: str, kind: AnswerKind) -> None:
    """A "when" or "who" of a clause within it does not."""
    assert analyse(text).kind is kind


@pytest.mark.parametrize(
    "text",
    [
        "What colour is my car?",
        "MY CAR?",
        "My tax number?",
        "Hi! My car is slow, why?",
        "What is My name?",
        "Did I pay the rent?",
        "what is our vacation policy?",
        "Where is a friend of mine from?",
        "Is this house mine?",
        "What did we agree on?",
    ],
)
def test_what_asks_of_oneself_is_personal(text: str) -> None:
    """No public page answers it."""
    assert analyse(text).personal


@pytest.mark.parametrize(
    "text",
    [
        "Which planet is the hottest in our solar system?",
        "What is the deepest mine in the world?",
        "What do our kidneys do?",
        "Who wrote My Fair Lady?",
        "Who was I. M. Pei?",
        "When was I, Claudius published?",
        "How do I boil an egg?",
    ],
)
def test_what_asks_of_the_world_is_not_personal(text: str) -> None:
    """Some words of oneself stand in titles and names, and what is everybody's is nobody's."""
    assert not analyse(text).personal
