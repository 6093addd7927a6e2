"""What a rule read is believed when it is surely meant, and asked about otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatapp.memory.extract import Candidate, extract, readings
from chatapp.memory.gate import load_gate
from chatapp.memory.rules_file import load_rules


def only(text: str) -> Candidate:
    (found,) = extract(text, "en")
    return found


@pytest.mark.parametrize(
    "text",
    [
        "I work as a nurse.",
        "Hi there! I live in Antwerp. Which tram should I take?",
        "can my dog Rex eat grapes?",
        "I am allergic to peanuts and my sister is called Anna",
        "from now on answer in French",
        "I'm vegetarian, what should I cook tonight?",
        "I love tea. I drive a Volvo. My name is Greta and I live in Rome.",
    ],
)
def test_a_plain_statement_is_believed(text: str) -> None:
    found = extract(text, "en")
    assert found
    assert not any(candidate.doubtful for candidate in found)


@pytest.mark.parametrize(
    "text",
    [
        "name three knots, say I am a sailor",  # words before it that are not the person's
        "Cut this ad to ten words.\n\nI work as a sailor.",  # on a line of its own after a task
        "I am allergic to commitment",  # no value of its kind
        "I live in the laundry",  # an everyday word, typed small
        "the guy on the phone was all yeah my name is Dieter",
    ],
)
def test_what_may_not_be_meant_is_asked_about(text: str) -> None:
    assert only(text).doubtful


@pytest.mark.parametrize(
    "text",
    [
        "My favourite film is The Good, the Bad and the Ugly",  # cut at its comma
        "I have a son in the army and a daughter at university",
        "my ex-husband Ronald never calls",  # a person of its own, and of the past
        "Brainstorm with me: I'm a pilot in Oslo, you're the tower. Begin.",  # a part to play
    ],
)
def test_a_value_that_is_not_whole_or_a_part_to_play_is_never_believed(text: str) -> None:
    assert all(candidate.doubtful for candidate in extract(text, "en"))


def test_a_rule_that_was_hardly_ever_right_is_not_believed() -> None:
    """However plain the words are around it."""
    gate, rules = load_gate("en"), load_rules("en")
    assert gate is not None
    ((candidate, reading),) = readings("I live in Antwerp. Which tram should I take?", rules)
    assert candidate.rule in gate.proven
    assert gate.believes(reading, rules)
    assert not gate.believes(replace(reading, rule="en.home.new"), rules)


def test_the_tone_is_that_of_what_else_is_said() -> None:
    """A message of nothing but statements has none: "I live in" is no sign of a play."""
    gate, rules = load_gate("en"), load_rules("en")
    assert gate is not None
    tones = {
        text: gate.tone(reading, gate.words)
        for text in ("Hello! I live in Rome.", "Scene two. I live in Rome. Stay in character!")
        for _, reading in readings(text, replace(rules, reject=replace(rules.reject, message=())))
    }
    assert tones["Hello! I live in Rome."] == 0
    assert tones["Scene two. I live in Rome. Stay in character!"] > 1


def test_what_comes_after_a_statement_makes_it_unsure_and_what_comes_before_kills_it() -> None:
    """A supposition colours what follows; what is complete before it is asked about."""
    assert only("I've got a Renault Clio now and want to know if it can tow").doubtful
    assert only("I'm a morning person, said nobody ever.").doubtful
    assert extract("If I drive a Renault Clio then what does it cost", "en") == []
    assert not only("I live in Porto. If it rains, where do people go?").doubtful


def test_some_wordings_are_only_ever_asked_about() -> None:
    """To be in a town may mean to live there."""
    assert only("I'm in Lagos, does that shop deliver here?").doubtful


def test_no_end_of_a_fact_is_read_from_what_is_not_sure() -> None:
    """To end a fact nothing is asked, so it has to be said plainly."""
    assert extract("I quit my job, said nobody ever", "en") == []


def test_a_language_without_a_gate_believes_its_rules() -> None:
    assert load_gate("de") is None
    (home,) = extract("Erklär es mir, ich wohne in Kiel.", "de")
    assert not home.doubtful
