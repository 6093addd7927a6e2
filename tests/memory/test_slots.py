"""Facts as they are said to the person and to the model."""

from __future__ import annotations

import pytest

from chatapp.memory.slots import SLOTS, told_to_person


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("baker", "a baker"),
        ("software engineer", "a software engineer"),
        ("actress", "an actress"),
        ("university teacher", "a university teacher"),
        ("MD", "an MD"),
        ("a nurse", "a nurse"),
        ("head of sales", "head of sales"),
        ("private tutors", "private tutors"),
    ],
)
def test_a_trade_is_said_with_its_article(value: str, said: str) -> None:
    """What is kept is the trade alone; a sentence about it needs the article."""
    assert SLOTS["occupation"].to_person("", value) == f"you work as {said}"
    assert SLOTS["occupation"].to_model("", value) == f"The user works as {said}."


@pytest.mark.parametrize("value", ["baker", "actress", "head of sales"])
def test_what_was_said_is_known_again_without_the_article(value: str) -> None:
    """Forgetting looks for a value in what tools told the person."""
    assert ("occupation", "", value) in set(
        told_to_person(SLOTS["occupation"].to_person("", value))
    )


def test_a_car_is_said_with_its_article() -> None:
    """The article follows the sound of the make."""
    assert SLOTS["car"].to_person("", "Audi") == "you drive an Audi"
    assert SLOTS["car"].to_person("", "Fiat Panda") == "you drive a Fiat Panda"
