"""Which questions lean on the one before, and what is searched for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp.assistant.followup import is_follow_up, key_terms, search_query

TURNS = Path("data/samples/followup/turns.jsonl")


def messages(lines: str) -> list[str]:
    """Return the messages of a block of text, with a bar between two."""
    return lines.strip().replace("\n", "|").split("|")


@pytest.mark.parametrize(
    "text",
    messages("""
and who painted it?|When did he die?|What about Berlin?|Why is that?|But when?
Who fought against him?|What helps against it?|Who ruled over this?
And what about Berlin?|Why not?|How tall?|In which year?|Which country?|Ok, and then?
Is HE dead?|Where Was He Born?|Which Is The Red One
Which one?|Which was the first one?|Who made that one?|The other one?|Who painted the red one?
Do you have one?|And the next one?|What is the largest one?|WHICH IS THE RED ONE
"""),
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


@pytest.mark.parametrize(
    "text",
    messages("""
Can you tell me who won?|I would really like to know when he was born|Do you know if he was married?
Hi there, could you please tell me when he was born?|Thanks! When was he born?
Remind me when he died|Could you please tell me a little bit more about him?
Would you mind telling me where she was born?|One more question: where did he die?
Thank you so much, that was really helpful! And when was he born?
Would you be so kind as to tell me when he died?
Great, and who built it?|No, the other one
I was wondering if she ever had any children at all|By the way, who's the captain?
What's the population?|Who's the author?|What’s the population?|Who’s the author?|whats the title
What’re the symptoms?|Where's it kept?|Who's he?|That's why?|What they're made of?|Who'd she marry?
Why isn't that possible?|Why wasn’t this done?|I wonder what's in it|Can I ask who she is?
"""),
)
def test_courtesy_and_contractions_hide_no_follow_up(text):
    assert is_follow_up(text)


@pytest.mark.parametrize(
    "text",
    messages("""
What caused World War One?|Who won World War One?|What is Formula One?|what is formula one?
who won world war one|WHAT CAUSED WORLD WAR ONE?|Who Won World War One?|Who directed Rogue One?
who wrote ready player one|What happened on day one?|What is the end of chapter one?|Formula One
What happened in phase one?|Who sang Number One?|What is Air Force One?|Who trusts no one?
How do you mourn a loved one?|Who wrote It?|Who directed Her?|What does IT stand for?
What is the WHO?|Who sang That's Life?|Who wrote This Is Us?|What does "let it be" mean?
What's the capital of France?|Who's the author of Faust?|What's there to see in Rome?|Who's Obama?
Why can't penguins fly?|Why don't cats swim?|How tall is Everest?|In which year did Rome fall?
The Good, the Bad and the Ugly|It's true that bats are blind?
"""),
)
def test_names_and_contractions_make_no_follow_up(text):
    assert not is_follow_up(text)
    assert search_query(text, ["Who discovered penicillin?"]) == text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Can you tell me who wrote Faust?", "who wrote Faust?"),
        ("Thanks! Who wrote Faust?", "Who wrote Faust?"),
        ("Tell me more about Rome", "more about Rome"),
        ("Great Expectations, who wrote it?", "Great Expectations, who wrote it?"),
    ],
)
def test_what_stands_around_a_question_is_not_searched(text, asked):
    assert search_query(text, []) == asked


@pytest.mark.parametrize(
    "between",
    messages("""
Thanks!|Thank you, that was very helpful.|ok|lol|Interesting!|Good point.|I don't understand
Tell me a joke|ok, tell me a joke|write me a poem about cats|Sing me a song|How are you?|Hi
Are you a robot?|Are you sure?|You are wrong|Nice to meet you|What is my name?|What did I ask?
I live in Rome.|i live in rome|I live in Rome|My dog is called Rex.|Remember that I like tea.
What is 12*7?|what's 12 times 7|12*7|Calculate 5% of 80|What time is it?|what day is it today
Really?|I like him.|That's interesting
"""),
)
def test_talk_sums_and_what_one_tells_of_oneself_are_no_topic(between):
    """What was asked about before them is still what is talked about."""
    query = search_query("When was he born?", ["Who wrote Faust?", between])
    assert query == "wrote Faust When was he born?"


def test_talk_alone_is_no_topic():
    assert search_query("When was he born?", ["Thanks!", "ok"]) == "When was he born?"
    assert search_query("Why?", ["I am tired", "I love you", "I see"]) == "Why?"


@pytest.mark.parametrize("told", ["I am reading Dune.", "I just read Dune", "I like Dune!"])
def test_what_one_tells_of_oneself_is_a_topic_where_nothing_was_asked(told):
    """What else should "it" be?"""
    query = search_query("Who wrote it?", ["Hi", told, "Thanks!"])
    assert query.endswith("Dune Who wrote it?")
    asked = ["Who composed Fidelio?", told]
    assert search_query("Where was it performed?", asked).startswith("composed Fidelio")


@pytest.mark.parametrize(
    ("before", "terms"),
    [
        ("Rome is nice.", "Rome nice"),
        ("I Have a Dream", "Dream"),
        ("What time is it in Tokyo?", "time Tokyo"),
        ("What's the capital of France?", "capital France"),
        ("Thanks! Can you tell me who wrote It?", "wrote It"),
        ("Tell me the story of the Trojan War", "story Trojan War"),
    ],
)
def test_what_is_said_of_the_world_is_a_topic(before, terms):
    assert search_query("And when?", ["Who wrote Faust?", before]) == f"{terms} And when?"


@pytest.mark.parametrize("piece", ["ok. ", "A-", "It One ", "what's ", "“it ", "so, and ", "\n"])
def test_thirty_thousand_characters_are_judged_at_once(piece):
    """Rules that tried every way of reading them would not end."""
    text = piece * (30_000 // len(piece)) + "x!"
    assert search_query(text, [text]).endswith("x!")
    assert search_query("Why?", [text]).endswith("Why?")


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
