"""Questions about the person are answered from their facts, or honestly not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chatapp.conversations import ConversationStore
from chatapp.memory import Memory, Profile
from chatapp.memory.questions import (
    NOT_TOLD,
    answer,
    answers,
    asks_about_person,
    asks_what_was_said,
    facts_for,
    parts_about_person,
)
from tests.memory.conftest import Tell

TOLD = [
    "My name is Anna.",
    "I live in Rome.",
    "I moved to Berlin.",
    "I'm allergic to peanuts.",
    "My sister is called Julia.",
    "My favourite colour is blue.",
    "I work at Siemens.",
    "My dog is called Rex.",
    "I work as a baker.",
]


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("Where do I live?", "You live in Berlin"),
        ("which city do I live in", "You live in Berlin"),
        ("Where did I live before?", "You lived in Rome (until 1 March 2026)"),
        ("What's my name?", "Your name is Anna"),
        ("who am I?", "Your name is Anna"),
        ("Am I allergic to peanut?", "You are allergic to peanuts"),
        ("What is my sister's name?", "Your sister is called Julia"),
        ("Who is my sister?", "Your sister is called Julia"),
        ("what is my favorite colour?", "Your favourite colour is blue"),
        ("Where do I work?", "You work at Siemens"),
        ("What's my dog called?", "Your dog is called Rex"),
        ("What do you know about me?", "You work at Siemens"),
    ],
)
def test_what_was_told_is_answered(tell: Tell, profile: Profile, question: str, holds: str) -> None:
    for text in TOLD:
        tell(text)
    asked = asks_about_person(question)
    assert asked is not None
    assert holds in answer(facts_for(profile, asked), asked)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        (
            "where did I live before, and what is my name?",
            "You lived in Rome (until 1 March 2026). Your name is Anna (told on 1 March 2026).",
        ),
        (
            "What is my name? And how old am I?",
            "Your name is Anna (told on 1 March 2026). “how old am I?”: You have not told me that.",
        ),
        ("How old am I and what car do I drive?", NOT_TOLD),
        ("Where do I live and is it cold?", "You live in Berlin (told on 1 March 2026)."),
        ("What is my name and what is my name?", "Your name is Anna (told on 1 March 2026)."),
        (
            "What do I do, and what is my name?",
            "You work as a baker (told on 1 March 2026). You work at Siemens (told on 1 March "
            "2026). Your name is Anna (told on 1 March 2026).",
        ),
        (
            "Where do I live and what do I do?",
            "You live in Berlin (told on 1 March 2026). You work as a baker (told on 1 March "
            "2026). You work at Siemens (told on 1 March 2026).",
        ),
        (
            "Where do I live and work?",
            "You live in Berlin (told on 1 March 2026). You work at Siemens (told on 1 March "
            "2026).",
        ),
        (
            "What is my name, my favourite colour and birthday?",
            "Your name is Anna (told on 1 March 2026). Your favourite colour is blue (told on "
            "1 March 2026). “What is my birthday?”: You have not told me that.",
        ),
        (
            "Am I allergic to peanuts and cats?",
            "You are allergic to peanuts (told on 1 March 2026). “Am I allergic to cats?”: You "
            "have not told me that.",
        ),
        ("Where do I live and can I swim there?", "You live in Berlin (told on 1 March 2026)."),
        ("Am I allergic to cats and can I swim?", NOT_TOLD),
        (
            "Wo wohne ich und wie heiße ich?",
            "You live in Berlin (told on 1 March 2026). Your name is Anna (told on 1 March 2026).",
        ),
    ],
)
def test_each_part_of_a_question_is_answered(
    tell: Tell, profile: Profile, question: str, reply: str
) -> None:
    for text in TOLD:
        tell(text)
    parts = parts_about_person(question)
    said = answers([(part, asked, facts_for(profile, asked)) for part, asked in parts])
    assert said == reply


@pytest.mark.parametrize(
    "question",
    [
        "How old am I?",
        "When is my birthday?",
        "Am I allergic to cats?",
        "What is my brother's name?",
        "What's my favourite book?",
        "Where did I work before?",
        "What car do I drive?",
    ],
)
def test_what_was_never_told_is_not_guessed(tell: Tell, profile: Profile, question: str) -> None:
    for text in TOLD:
        tell(text)
    asked = asks_about_person(question)
    assert asked is not None
    assert answer(facts_for(profile, asked), asked) == NOT_TOLD


@pytest.mark.parametrize(
    ("told", "question", "reply"),
    [
        ("My mum is called Ruth.", "What is my mother's name?", "Your mum is called Ruth"),
        ("My dad is called Bob.", "Who is my father?", "Your dad is called Bob"),
        ("My favorite color is blue.", "What's my favourite colour?", "Your favourite color is"),
        ("My fav movie is Alien.", "What is my favorite film?", "Your favourite movie is Alien"),
        ("I dislike olives.", "Do I like olives?", "You dislike olives (told"),
        ("I like coffee", "Do I like coffee?", "You like coffee (told on 1 March 2026, not conf"),
        ("I have a dog.", "Do I have a cat?", NOT_TOLD),
        ("My dog is called Rex.", "Do I have a cat?", NOT_TOLD),
        ("My sister is called Julia.", "Do I have any pets?", NOT_TOLD),
        ("I have a dog.", "Do I have a dog?", "You have a dog"),
        ("I have two cats.", "Do I have a cat?", "You have two cats"),
        ("I have two Cats.", "How many cats do I have?", "You have two Cats"),
        ("My dog is called Rex.", "Do I have a dog?", "Your dog is called Rex"),
        ("I have a labrador.", "Do I have a dog?", "You have a labrador"),
    ],
)
def test_what_was_told_in_other_words_is_not_denied(
    tell: Tell, profile: Profile, told: str, question: str, reply: str
) -> None:
    tell(told)
    asked = asks_about_person(question)
    assert asked is not None
    assert answer(facts_for(profile, asked), asked).startswith(reply)


def test_one_mother_under_two_names_is_one(tell: Tell, profile: Profile) -> None:
    tell("My mum is called Ruth.")
    tell("My mother is called Ruth.")
    assert [fact.seen_count for fact in profile.held("relation", "mom")] == [2]


@pytest.mark.parametrize(
    "question",
    [
        "Where does Angela Merkel live?",
        "What is the capital of France?",
        "Who is the sister of Moses?",
        "How do I live longer?",
        "What should I like about Berlin?",
    ],
)
def test_other_questions_are_none_of_its_business(question: str) -> None:
    assert asks_about_person(question) is None
    assert not asks_what_was_said(question)


@pytest.mark.parametrize(
    "question",
    [
        "What did I say about the garden?",
        "Do you remember what we talked about last week?",
        "Did I ever mention my boat?",
    ],
)
def test_questions_about_earlier_conversations_are_known(question: str) -> None:
    assert asks_what_was_said(question)


@pytest.mark.parametrize("question", ["What do I do?", "what do I do", "Was mache ich?"])
def test_what_may_mean_something_else_is_answered_where_it_was_told(
    tell: Tell, store: ConversationStore, question: str
) -> None:
    """Somebody in trouble asks the same, and "you have not told me that" is no help to them."""
    memory = Memory(store, lambda: None)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert memory.reply(question, now) is None
    tell("I work as a baker.")
    reply = memory.reply(question, now)
    assert reply is not None
    assert reply.text == "You work as a baker (told on 1 March 2026)."
    assert memory.reply("The pan is on fire. What do I do?", now) is None


@pytest.mark.parametrize(
    "question",
    [
        "How do I correct something you remember about me?",
        "Can I delete what you remember about me?",
    ],
)
def test_how_to_deal_with_the_memory_is_no_question_of_what_was_said(question: str) -> None:
    assert not asks_what_was_said(question)


def test_german_questions_ask_the_same_slots(tell: Tell, profile: Profile) -> None:
    """Facts told in one language answer questions in another."""
    for text in ("I live in Rome.", "Ich bin nach Berlin gezogen."):
        tell(text)
    now, before = asks_about_person("Wo wohne ich?"), asks_about_person("Wo wohnte ich davor?")
    assert now is not None
    assert before is not None
    assert [fact.value for fact in facts_for(profile, now)] == ["Berlin"]
    assert [fact.value for fact in facts_for(profile, before)] == ["Rome"]
    assert asks_what_was_said("Was habe ich über den Garten gesagt?")
