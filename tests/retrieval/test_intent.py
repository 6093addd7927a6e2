"""Which messages are searched for and which are talk."""

from __future__ import annotations

import pytest

from retrieval.intent import asks_nothing, needs_sources, tells_of_oneself

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
How do you do?|How do you do today?|How do you do, my friend|How are things?|how are things going?
How are you today, my dear friend|How are you? I am well.|Well, how are you?|ok how are you
How are you? What's your name?|Hi! Good morning! How are you?|How do you feel about mondays?
Do you feel lonely?|do you feel pain|Do you sleep at night?|Do you dream of electric sheep?
Are you a real person or a machine?|Are you sure about that?|are you sure you are right
Are you sure about that date?|are you sure of your answer|Do you remember our last conversation?
Do you remember anything?|do you remember your first answer
Are you still there?|Are you awake?|Are you ok today?|are you busy right now|Are you happy?
Do you think I should go?|Do you think?|Do you think I'm pretty?|do you think you are alive
Do you think we could be friends?|Do you think it's a good idea?|Do you think she likes me?
Do you remember me?|Do you remember what I told you?|do you remember my name|Do you remember?
What do you think?|What do you think of cats?|What do you think I should do?|What do you feel?
What did you say about it?|What did you mean by that?|What did I say about Rome?|What did we say?
Tell me a story about Napoleon|Tell me the funniest joke you know|Tell my son a bedtime story
Tell me the story of your life|tell me the story of a lonely robot|Tell me a story of love
Imagine you are a pirate|Imagine that dogs could talk|Imagine, you live on Mars|imagine if cats flew
Pretend to be a cat|Let's role play|roleplay as a knight|Sing|Sing me a lullaby|sing happy birthday
Write the story of a lost key|write lyrics for a love song|write an email to Bob|act as a lawyer
Interesting!|That's amazing|I don't understand|Fair enough|No problem|Thanks for your help
I am bored, tell me a joke|Nice to meet you, what's your name?|Okay, tell me a joke
Thanks! I live in Rome.|Remember that I live in Rome.|Can you explain it again?
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
How do you do a backup?|How do you do long division?|How are things made?|how are you infected
How are you supposed to file taxes?|How are you taxed as a freelancer?|How are things in Korea?
How do you feel a pulse?|How do you feel when you have the flu?|Do you feel pain when you die?
Do you sleep better in the cold?|Do you dream in every sleep phase?|Do you need a visa for Japan?
Are you an EU citizen if born in Malta?|Are you an adult at 16 in Scotland?|are you born with it
Are you conscious during a colonoscopy?|are you awake for a c-section|are you ok to drive after wine
Are you sure Canberra is the capital of Australia?|What do you feel during a heart attack?
Do you think vaccines cause autism?|Do you think the moon landing was faked?|do you think God exists
Do you think it is true that bats are blind?|Do you think I can take aspirin with alcohol?
Do you think you can catch a cold from the cold?|Do you think Pluto is a planet?
What do you think the capital of Australia is?|What do you think causes inflation?
Do you remember when the Berlin Wall fell?|do you remember how World War I started?
What did you say is the capital?|What did you say its population was?|What did you mean by osmosis?
Tell me the story of the Trojan War|Tell me the story behind Bohemian Rhapsody|Tell me story of Rama
Tell me the Trojan War story|Tell my kids the story of Noah|Tell me a poem by Goethe
Tell me who wrote the poem If|Tell me about the song Yesterday|Give me the motto of France
Give me the lyrics of Yesterday|write the lyrics to Yesterday|tell me the moral of the story of Job
Give me a five letter word for river|Give me information for my essay on Rome|Create email account
Imagine Dragons members|Imagine John Lennon|Imagine, who wrote it?|Sing Street cast|Sing Sing prison
Role play games|roleplay definition|Pretend synonym|You Are My Sunshine lyrics|Explain: osmosis
How are you? Who wrote Faust?|How are you today, and when was Goethe born?|hi how are you who is he
I'm bored. What is the capital of Peru?|i'm bored what is the capital of peru
I'm sick, what helps against nausea?|Nice to meet you. Who wrote Faust?|Are you a robot? What is AI?
Do you like Rome? Is it older than Athens?|How are you? Do you think the earth is flat?
Great Expectations|No Country for Old Men|Yes Minister|Thanks! Who wrote Faust?|ok is water wet
what is delhi like|delhi. I live there|I love it! Who made it?|That's right, where is it?
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


@pytest.mark.parametrize(
    ("message", "tells"),
    [
        ("I live in Rome", True),
        ("Thanks! my dog is called Rex", True),
        ("please remember that we moved to Berlin", True),
        ("I Have a Dream", False),
        ("my favourite colour", False),
        ("I live in Rome. What is it famous for", False),
        ("Rome is nice.", False),
        ("My index is empty.", False),
    ],
)
def test_what_one_tells_of_oneself(message: str, tells: bool) -> None:
    assert tells_of_oneself(message) == tells


@pytest.mark.parametrize(
    "piece",
    [
        "how are you my ",
        "hi ",
        "ok, ",
        "see you ",
        "please tell me a ",
        "or a ",
        "i am so ",
        "my my ",
    ],
)
@pytest.mark.parametrize("length", [290, 30_000])
def test_repeated_words_are_judged_at_once(piece: str, length: int) -> None:
    """Rules that tried every way of reading them would not end."""
    message = piece * (length // len(piece)) + "x#"
    assert needs_sources(message)
    assert not tells_of_oneself(message + "?")


def test_a_pasted_megabyte_is_judged_at_once() -> None:
    """The rules take no longer for long input: it is content, and content is searched."""
    assert needs_sources("thank you so much " * 60_000)
