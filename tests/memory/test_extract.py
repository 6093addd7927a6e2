"""Rules read what a person states about themself, and nothing that only looks like it."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.memory.extract import LONGEST_MESSAGE, extract

STATED = {
    "My name is Anna Schmidt and I live in Berlin.": {
        ("name", "", "Anna Schmidt"),
        ("home", "", "Berlin"),
    },
    "i live in berlin": {("home", "", "Berlin")},
    "Hi, I'm Tom!": {("name", "", "Tom")},
    "We moved to New York City in 2019.": {("home", "", "New York City")},
    "I live in Frankfurt am Main, Germany.": {("home", "", "Frankfurt am Main, Germany")},
    "I work at Google as a software engineer.": {
        ("employer", "", "Google"),
        ("occupation", "", "software engineer"),
    },
    "I'm a nurse.": {("occupation", "", "nurse")},
    "I'm allergic to peanuts, shellfish and cats.": {
        ("allergy", "", "peanuts"),
        ("allergy", "", "shellfish"),
        ("allergy", "", "cats"),
    },
    "My sister is called Julia.": {("relation", "sister", "Julia")},
    "I have a dog named Rex.": {("relation", "dog", "Rex"), ("pet", "", "a dog")},
    "I am married to Tom.": {("relation", "spouse", "Tom")},
    "My favourite colour is blue.": {("favourite", "colour", "blue")},
    "my favorite team is the Bears": {("favourite", "team", "the Bears")},
    "My birthday is 3 May 1990.": {("birthday", "", "3 May 1990")},
    "I was born in 1984.": {("birth_year", "", "1984")},
    "I'm 34 years old.": {("age", "", "34")},
    "I speak German, French and a little Dutch.": {
        ("language", "", "German"),
        ("language", "", "French"),
    },
    "I'm vegan.": {("diet", "", "vegan")},
    "I don't eat pork.": {("diet", "", "no pork")},
    "I love pizza.": {("likes", "", "pizza")},
    "I can't stand mushrooms.": {("dislikes", "", "mushrooms")},
    "I prefer tea over coffee.": {("preference", "", "tea over coffee")},
    "Always answer in German.": {("instruction", "", "Always answer in German")},
    "Call me Max.": {("preferred_name", "", "Max")},
    "I'm originally from Poland, but I live in Leeds.": {
        ("origin", "", "Poland"),
        ("home", "", "Leeds"),
    },
}

NOT_STATED = [
    "My passport says my birthday is March 3 but it's a typo.",
    "People think I'm Italian because of my nose.",
    "then the guy on the phone says my name is Kevin and I work for Microsoft",
    "I told him I'm allergic to cats so that I don't have to visit",
    "I am Iron Man",
    "I'm from the generation that had no internet",
    "Historically speaking, all great empires fall.",
    "I study the menu before I go anywhere",
    "I have a horse in this race",
    "My name is spelled wrong in your last answer.",
    "yes, I'm 5, because it's hilarious",
    "Our cat Miso passed away last spring.",
    "In Sims my guy works as a chef and I have three kids",
    "As Shakespeare's Juliet, provide advice.\nHi Juliet, I am a 16-year-old girl.",
    "Bloom was my husband , I am Orlando , call me Orlando . I ca n't sleep in that bed .",
    # questions and suppositions
    "Do I live in Berlin?",
    "What if I moved to Paris?",
    "If I lived in Rome, what would I eat?",
    "Should I say my name is Bob?",
    "I would like to move to Madrid.",
    "I might work at Google one day.",
    "I wish I lived in Lisbon.",
    "Suppose my birthday is 3 May.",
    # plans
    "I'm going to move to Oslo.",
    "I want to work at NASA.",
    "I'm thinking of moving, I hope I live in Vienna soon.",
    # others' words and lives
    'She said "I live in Rome".',
    "My friend says I live in a bubble.",
    "My brother lives in Rome.",
    "He told me I work at a circus.",
    "> I live in Madrid\nWhat does this mean?",
    "Translate: my name is Hans and I live in Bonn.",
    "Write a story. I live in a castle and my name is Igor.",
    "Pretend my name is Zorg and I work at Evil Corp.",
    "In the movie I'm a doctor.",
    "`I live in Rome`",
    "```\nmy name is foo\n```",
    # negation
    "I don't live in Berlin, you must be mistaken.",
    "My name is not Bob.",
    "I'm not a nurse.",
    "I never lived in Spain.",
    # the past and the moment
    "I used to live in Rome.",
    "When I was a kid I lived in Kiel.",
    "I'm living in a hotel this week.",
    "I'm in Madrid for two days.",
    "Years ago I worked at IBM.",
    # figures of speech and empty values
    "I live in fear.",
    "I live in a small town.",
    "I'm from the future.",
    "I work at night.",
    "I work for myself.",
    "I love it.",
    "I like how you said that.",
    "Hi, I'm tired.",
    "I'm sorry.",
    "Call me maybe.",
    "Call me tomorrow.",
    "I am a terrible dancer.",
    "The one from My Name is Earl.",
    "One of my favorite movies is Alien.",
    "My favorite thing about it is that it ends.",
]


GERMAN = {
    "Ich heiße Anna Schmidt und wohne in Berlin.": {
        ("name", "", "Anna Schmidt"),
        ("home", "", "Berlin"),
    },
    "Ich bin letztes Jahr von Hamburg nach Köln gezogen.": {("home", "", "Köln")},
    "Ich arbeite bei Siemens als Ingenieur.": {
        ("employer", "", "Siemens"),
        ("occupation", "", "Ingenieur"),
    },
    "Ich bin allergisch gegen Nüsse und Katzen.": {
        ("allergy", "", "Nüsse"),
        ("allergy", "", "Katzen"),
    },
    "Meine Schwester heißt Julia.": {("relation", "schwester", "Julia")},
    "Meine Lieblingsfarbe ist Blau.": {("favourite", "farbe", "Blau")},
    "Ich esse kein Fleisch.": {("diet", "", "kein Fleisch")},
    "Antworte bitte immer auf Deutsch.": {("instruction", "", "Antworte bitte immer auf Deutsch")},
    "Was soll ich kochen? Ich bin Vegetarierin.": {("diet", "", "Vegetarierin")},
    "Wohne ich in Berlin?": set(),
    "Wenn ich in Rom wohnte, würde ich Eis essen.": set(),
    "Mein Bruder wohnt in Oslo.": set(),
    "Er sagt, ich wohne in Rom.": set(),
    "Ich wohne nicht in Berlin.": set(),
    "Ich möchte in Paris leben.": set(),
    "Früher wohnte ich in Kiel.": set(),
    "Ich bin gerade in Madrid.": set(),
    "Übersetze: Ich wohne in Bonn.": set(),
    "Stell dir vor, ich heiße Igor.": set(),
    "Ich lebe in Angst.": set(),
}


def test_a_name_is_kept_without_the_possessive() -> None:
    """What belongs to a person does not belong to the name; a firm may end in it."""
    brother = extract("I need a toast for my brother Jonas's wedding")
    assert [c.value for c in brother if c.slot == "relation"] == ["Jonas"]
    assert {c.value for c in extract("I work at McDonald's")} == {"McDonald's"}


@pytest.mark.parametrize("part", ["respond as the waiter", "Speak to me as if I were a queen"])
def test_a_part_that_is_described_at_the_end_is_still_a_part(part: str) -> None:
    """Whatever the other one is to be, the facts are not the writer's."""
    assert extract(f"{part}. I work at Siemens and I love gold.") == []


@pytest.mark.parametrize(("text", "facts"), GERMAN.items())
def test_german_is_read_by_german_rules(text: str, facts: set[tuple[str, str, str]]) -> None:
    """A language is a file of rules; the message's own small words choose it."""
    assert {(c.slot, c.key, c.value) for c in extract(text)} == facts


@pytest.mark.parametrize(("text", "facts"), STATED.items())
def test_what_a_person_states_is_read(text: str, facts: set[tuple[str, str, str]]) -> None:
    """Every fact of the sentence, and no other."""
    assert {(c.slot, c.key, c.value) for c in extract(text)} == facts


@pytest.mark.parametrize("text", NOT_STATED)
def test_what_only_looks_like_a_fact_is_left_alone(text: str) -> None:
    """Questions, suppositions, plans, others' words, negations, moments and idioms."""
    assert extract(text) == []


@pytest.mark.parametrize(
    ("text", "slot", "value"),
    [
        ("I'm not allergic to peanuts any more.", "allergy", "peanuts"),
        ("I no longer live in Berlin.", "home", "Berlin"),
        ("I don't work at Siemens anymore.", "employer", "Siemens"),
        ("I quit my job.", "employer", ""),
    ],
)
def test_what_ended_is_read_as_an_end(text: str, slot: str, value: str) -> None:
    """A negation of a kind the rules expect closes a fact."""
    (found,) = extract(text)
    assert (found.slot, found.value, found.closes) == (slot, value, True)


def test_the_place_of_a_fact_is_the_clause_it_stands_in() -> None:
    """Provenance: the offsets give back the person's own words."""
    text = "Well, hello. My name is Anna and I live in Berlin."
    name, home = extract(text)
    assert text[name.start : name.end] == "My name is Anna"
    assert text[home.start : home.end] == "I live in Berlin"


@pytest.mark.parametrize(
    "text",
    [
        "I think I'm gluten intolerant but the test isn't back",
        "I believe my birthday is 3 May, could be wrong",
        "technically I work at Nokia",
    ],
)
def test_what_is_said_with_a_doubt_is_read_as_doubtful(text: str) -> None:
    (doubted,) = extract(text)
    assert doubted.doubtful


def test_a_doubt_colours_its_own_sentence_only() -> None:
    found = {c.value: c.doubtful for c in extract("I think I'm vegan. I live in Rome.")}
    assert found == {"vegan": True, "Rome": False}


def test_pasted_text_is_not_mined() -> None:
    """A very long message was not said, it was pasted."""
    assert extract("My name is Anna. " + "x " * LONGEST_MESSAGE) == []


def test_a_long_row_of_relatives_is_read_at_once() -> None:
    """A pattern that tries every way to cut such a row takes half a minute."""
    extract("I am a dad")  # the rules are compiled on first need
    began = process_time()
    extract("I am a dad with a wife" + " and a son and a daughter" * 14)
    assert process_time() - began < 2


def test_where_one_is_from_may_follow_what_one_is() -> None:
    found = extract("I'm also a retired nurse from Utrecht")
    assert ("origin", "Utrecht") in {(c.slot, c.value) for c in found}


@given(st.text(max_size=300))
def test_any_text_at_all_is_read_without_failing(text: str) -> None:
    """Offsets lie in the text and values are never empty unless a whole slot ends."""
    for found in extract(f"{text} my name is {text}"):
        assert found.value or found.closes
        assert 0 <= found.start <= found.end


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (
            "Good evening. My name is Ottilie Brandt and I need a recipe.",
            ("name", "", "Ottilie Brandt"),
        ),
        ("yo, its marlon. how do magnets work", ("name", "", "Marlon")),
        ("Petra, 41, from Graz", ("age", "", "41")),
        ("originally from Brno, now in Genoa for good", ("home", "", "Genoa")),
        ("Bergen is where we live, so rain is no news", ("home", "", "Bergen")),
        ("My wife and I retired to Corfu last year.", ("home", "", "Corfu")),
        ("is skiing wise for a 62-year-old like me", ("age", "", "62")),
        ("I teach physics at Marlow College", ("employer", "", "Marlow College")),
        ("my knees hurt (postman, 20 years)", ("occupation", "", "postman")),
        ("as a locksmith how do I insure my van", ("occupation", "", "locksmith")),
        ("they made me head of logistics last week", ("occupation", "", "head of logistics")),
        ("chem major here, what is entropy", ("study", "", "chem")),
        ("Single mum, two boys, no sleep.", ("children", "", "two boys")),
        ("12 March is my birthday", ("birthday", "", "12 March")),
        ("why does my peugeot 208 stall?", ("car", "", "peugeot 208")),
        ("our cat (Miso) is on the roof", ("relation", "cat", "Miso")),
        ("my flatmate goran keeps singing", ("relation", "flatmate", "Goran")),
        ("I married Ines in June", ("relation", "spouse", "Ines")),
        ("I can read Greek well enough", ("language", "", "Greek")),
        ("ukulele beginner, which strings?", ("learning", "", "ukulele")),
        ("btw vegan so no cheese", ("diet", "", "vegan")),
        ("rowing keeps me sane", ("likes", "", "rowing")),
        ("as the owner of a bearded dragon I disagree", ("pet", "", "a bearded dragon")),
        ("I can't eat kiwi (allergic)", ("allergy", "", "kiwi")),
        (
            "going forward please keep it short with me",
            ("instruction", "", "keep it short with me"),
        ),
    ],
)
def test_more_wordings_are_read(text: str, fact: tuple[str, str, str]) -> None:
    """Read, and believed or asked about as the gate says."""
    assert fact in {(c.slot, c.key, c.value) for c in extract(text, "en")}
