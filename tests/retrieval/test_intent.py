"""Which messages are searched for and which are talk."""

from __future__ import annotations

import pytest

from retrieval.intent import asks_nothing, needs_sources

TALK = """
hi|Hello!|hey there|Good morning|good evening everyone|hiya|Hi, how are you?|hello there friend
how are you doing today?|what's up?|bye|Goodbye!|see you later|thanks|Thank you so much!
thanks, that was really helpful|ok|okay cool|great, thank you|sure|lol|got it|never mind
who are you?|What are you?|what is your name?|are you a robot?|are you real|do you like music?
how old are you?|what can you do?|can you help me?|nice to meet you|my name is Anna|I'm tired
I am so happy today|write me a poem|Write a short story about a dragon|tell me a joke
Tell me a story|please compose a haiku about rain|can you write a poem for my mother?|sing a song
pretend you are a pirate|make up a limerick|rephrase that|say that again|summarize our chat: all
I live in Rome.|My favourite colour is green.|Hi! We moved to Berlin last year.|I have a cat!
My dog is called Rex. He likes bones.|Actually, my brother has a boat.|I am writing about Napoleon.
continue|go on|try again|what did you say?|let's talk about something else|test|...|   |!?
can you help me write a letter to my landlord?|I'd like you to draft a short reply to Anna
I like old films. Do you?|What about you?|Write two sentences about a cat that lives on a boat.
"""
FACTS = """
what is photosynthesis?|What is the capital of France|who wrote Hamlet?|hello, who wrote Hamlet?
Hi! What is a quark?|when did the war end?|Where is Mount Everest?|how many moons does Jupiter have
how do I delete a conversation|how do I add files?|Why is the sky blue?|which river is longest
Battle of Hastings|Marie Curie|tell me about the French Revolution|explain quantum entanglement
name three noble gases|list the planets|did Rome fall in 476?|is water wet?|population of Lagos
what does exit code 6 mean?|how do I start a new conversation?|who are the Beatles?
what are you made of carbon or silicon atoms|how is cheese made?|what is your handbook about
How are vaccines tested?|who is the president of France?|can you tell me who discovered radium?
I live in Rome. What is it famous for|I like Rome. Tell me about it.|I want to know about Rome.
my favourite colour|My Lai massacre|I Have a Dream|We Are the Champions|I need a summary of the war.
My index is empty.|I get the error "no model".|My terminal shows boxes.|Rome is nice.
thanks, and who painted the Mona Lisa?|define entropy|compare Python and Java|define poem
help me understand the letter of Paul|tell me the message of Animal Farm|help me find a note
who wrote two lines about Rome?|I like Rome. Do you know who built it?
"""


@pytest.mark.parametrize("message", [m for line in TALK.splitlines() for m in line.split("|")])
def test_talk_is_answered_without_sources(message: str) -> None:
    """A greeting, thanks, small talk or a creative wish starts no search."""
    assert not needs_sources(message)


@pytest.mark.parametrize(
    "message", [m for line in FACTS.splitlines() for m in line.split("|") if m]
)
def test_questions_of_fact_are_answered_from_sources(message: str) -> None:
    """A question, a request for facts or a bare topic starts a search."""
    assert needs_sources(message)


@pytest.mark.parametrize(
    "message",
    """
I live in Rome.|i live in rome|Rome is nice.|The sky is green today.|My index is empty.
It is raining, and my dog is wet.|I don't like Mondays|Hello! My name is Ada. I like tea.
""".strip()
    .replace("\n", "|")
    .split("|"),
)
def test_a_statement_waits_for_no_fact(message: str) -> None:
    assert asks_nothing(message)


@pytest.mark.parametrize(
    "message",
    """
Rome|the capital of France is|Battle of Hastings|Name three planets.|The French Revolution.
Is water wet|I wonder who built it.|I live in Rome. What is it famous for|Rome is nice. Explain it.
My name is Ada. Population of Lagos
""".strip()
    .replace("\n", "|")
    .split("|"),
)
def test_what_waits_for_a_fact_is_no_statement(message: str) -> None:
    assert not asks_nothing(message)


def test_a_pasted_megabyte_is_judged_at_once() -> None:
    """The rules take no longer for long input: it is content, and content is searched."""
    assert needs_sources("thank you so much " * 60_000)
