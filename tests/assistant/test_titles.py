"""A conversation is named after what its first real question is about, unless a person named it."""

from __future__ import annotations

import pytest

from chatapp.assistant.events import MessageDone, TurnStart
from chatapp.assistant.titles import LONGEST, title_of
from tests.assistant.helpers import collect, only
from tests.fakes import FakeGenerator


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("What is the capital of France?", "Capital of France"),
        ("Who painted the Mona Lisa?", "Who painted the Mona Lisa?"),
        ("How do I cook rice?", "How to cook rice"),
        ("Can you please tell me about sparse attention?", "Sparse attention"),
        ("hello! what's the weather like?", "Weather like"),
        ("Explain tides. And then write a poem.", "Tides"),
        ("hi", ""),
        ("thanks a lot", ""),
        ("?!", ""),
    ],
)
def test_titles_say_what_a_question_is_about(question, title):
    """Lead-ins and politeness go; small talk has no title."""
    assert title_of(question) == title


def test_titles_are_short():
    """They are cut between words."""
    title = title_of("Compare the economies of all countries around the Mediterranean Sea for me")
    assert len(title) <= LONGEST
    assert title.endswith(" countries around…")


async def test_the_first_question_gives_the_title_once(make, store):
    """Later questions do not change it."""
    assistant = make(FakeGenerator("It is Paris."))
    start = only(await collect(assistant.turn(None, "What is the capital of France?")), TurnStart)
    assert store.conversation(start.conversation).title == "Capital of France"
    await collect(assistant.turn(start.conversation, "What is the capital of Spain?"))
    assert store.conversation(start.conversation).title == "Capital of France"


async def test_a_question_that_is_its_own_title_stays_too(make, store):
    """Nothing was taken off the first question, and the second one does not replace it."""
    assistant = make(FakeGenerator("It was Leonardo."))
    start = only(await collect(assistant.turn(None, "Who painted the Mona Lisa?")), TurnStart)
    await collect(assistant.turn(start.conversation, "What is 15 % of 80?"))
    assert store.conversation(start.conversation).title == "Who painted the Mona Lisa?"


async def test_small_talk_leaves_the_title_to_a_later_question(make, store):
    """A chat that begins with "hello" is not about hello."""
    assistant = make(FakeGenerator("Hello."))
    start = only(await collect(assistant.turn(None, "hello")), TurnStart)
    assert store.conversation(start.conversation).title == "hello"
    await collect(assistant.turn(start.conversation, "Tell me about the Kaaba"))
    assert store.conversation(start.conversation).title == "Kaaba"


async def test_a_title_that_a_person_gave_stays(make, store):
    """Also when it is given while the first answer is being written."""
    assistant = make(FakeGenerator("It is Paris."))
    async for event in assistant.turn(None, "What is the capital of France?"):
        if isinstance(event, TurnStart):
            store.rename(event.conversation, "Geography")
        if isinstance(event, MessageDone):
            conversation = store.message(event.message).conversation_id
    assert store.conversation(conversation).title == "Geography"
