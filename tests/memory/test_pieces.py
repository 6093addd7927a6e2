"""People string facts together, leave out what is understood, and misspell: all of it is read."""

from __future__ import annotations

import time

import pytest

from chatapp.memory.extract import LONGEST_MESSAGE, LONGEST_TALK, extract


def told(text: str) -> set[tuple[str, str]]:
    return {(fact.slot, fact.value) for fact in extract(text)}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("I'm Keiko, 29, a UX designer", {"name", "age", "occupation"}),
        ("I live in Lille, work at Decathlon and love cycling", {"home", "employer", "likes"}),
        ("what can i cook, im lactose intolerant and hate onions", {"diet", "dislikes"}),
        ("As a vegan living in Texas I struggle at barbecues", {"diet", "home"}),
    ],
)
def test_several_facts_of_one_sentence_are_all_read(text: str, facts: set[str]) -> None:
    """What follows a statement leans on its subject."""
    assert {slot for slot, _ in told(text)} == facts


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Living in Lyon since 2015, still learning", ("home", "Lyon")),
        ("vegetarian here, any ideas?", ("diet", "vegetarian")),
        ("Born and bred in Naples", ("origin", "Naples")),
        ("can't stand coriander", ("dislikes", "coriander")),
        ("im alergic to wasps", ("allergy", "wasps")),
        ("I'm vegetarian so let me know if that matters", ("diet", "vegetarian")),
    ],
)
def test_what_is_left_out_or_misspelt_is_understood(text: str, fact: tuple[str, str]) -> None:
    """A missing "I am", a slip of the fingers, a polite "if" at the end."""
    assert fact in told(text)


@pytest.mark.parametrize(
    "text",
    [
        "My brother lives in Oslo, works at Equinor, allergic to nuts",
        "I met a nurse, a teacher and two dogs",
        "I used to live in Prague, work at Nokia and love jazz",
        "I want to live in Rome, work at Fiat",
        "Living in Madrid made my aunt happy",
        "I live in the EU, don't I?",
        "As a historian, describe the life of a peasant",
    ],
)
def test_a_piece_inherits_what_its_governor_is(text: str) -> None:
    """Somebody else's life, the past and plans colour what leans on them."""
    assert told(text) == set()


def test_what_a_plan_takes_for_granted_is_true() -> None:
    """The trip may fall through; the wife is called Elena all the same."""
    found = extract("Planning a trip with my wife Elena next week")
    assert [(fact.key, fact.value) for fact in found] == [("wife", "Elena")]


@pytest.mark.parametrize("unit", ["i'm a, ", "love and ", "my dog ", "I like a b c, ", "((", "- "])
def test_hostile_repetition_is_read_in_bounded_time(unit: str) -> None:
    """No pattern may blow up: the longest message of one unit again and again is read at all."""
    started = time.process_time()
    for length in (LONGEST_TALK, LONGEST_MESSAGE):
        extract((unit * length)[:length])
    assert time.process_time() - started < 30
