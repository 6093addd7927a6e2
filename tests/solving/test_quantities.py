"""The numbers of a text: digits, words, percentages, parts and multiples."""

from __future__ import annotations

from fractions import Fraction

import pytest

from chatapp.solving.quantities import HUNDREDTHS, MOST, MULTIPLE, PART, quantities


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She has 1,250 coins and 3.5 kg", ["1250", "7/2"]),
        ("thirty-five boys, two hundred girls", ["35", "200"]),
        ("3 million people, 20 five-dollar notes", ["3000000", "20", "5"]),
        ("2/3 of them", ["2", "3"]),
        ("a dozen eggs, twice, half, a third", ["12", "2", "2", "3"]),
        ("$.75 and 5.", ["3/4", "5"]),
        ("twenty five-dollar bills, twenty five girls, sixty‑two", ["20", "5", "25", "62"]),
        ("two hundred and fifty, one hundred twenty-three", ["250", "123"]),
        ("one thousand two hundred, two thousand five hundred and six", ["1200", "2506"]),
        ("one million two hundred thousand thirty-five", ["1200035"]),
        ("twelve hundred, two hundred thousand, 1500 hundred", ["1200", "200000", "150000"]),
        ("2 thousand, three billion", ["2000", "3000000000"]),
        ("9" * 40, ["9" * 15, "9" * 15, "9" * 10]),
        ("at 7:30 on the 4th", ["7", "30", "4"]),
        ("no numbers here, someone attended", []),
    ],
)
def test_numbers_are_found_where_they_stand(text: str, expected: list[str]) -> None:
    """Each has its value, and its characters say it."""
    found = quantities(text)
    assert [quantity.value for quantity in found] == [Fraction(value) for value in expected]
    assert all(text[q.start : q.end].strip() for q in found)


def test_kinds_are_told_apart() -> None:
    """A share of hundred, a part and a multiple are used in other ways than a count."""
    kinds = [quantity.kind for quantity in quantities("25% off, 8 cents, a third, twice")]
    assert kinds == [HUNDREDTHS, HUNDREDTHS, PART, MULTIPLE]


def test_a_flood_of_numbers_is_cut() -> None:
    """Only the first ones count."""
    assert len(quantities(" ".join(str(number) for number in range(1000)))) == MOST
