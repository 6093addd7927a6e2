"""A birthday is a day that exists."""

from __future__ import annotations

import pytest

from chatapp.memory.dates import is_a_day
from chatapp.memory.extract import extract


@pytest.mark.parametrize(
    "text",
    ["29 February", "Feb 29", "the 31st of July", "31. Januar", "2024-02-29", "04/31", "12/25"],
)
def test_days_of_some_year_are_days(text: str) -> None:
    """In either order of day and month, in either language."""
    assert is_a_day(text) == (text != "04/31")


@pytest.mark.parametrize("text", ["31 February", "April 31", "30. Februar", "2023-13-01", "32/13"])
def test_days_of_no_year_are_none(text: str) -> None:
    """No year has them."""
    assert not is_a_day(text)


def test_a_birthday_on_no_day_is_not_learnt() -> None:
    """It is a slip or a joke; the real one is learnt."""
    assert extract("My birthday is 31 February.") == []
    assert [fact.value for fact in extract("My birthday is 28 February.")] == ["28 February"]
