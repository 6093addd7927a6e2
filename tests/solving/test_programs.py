"""Programs: traced from worked expressions, run, shown, and said to the calculator."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.solving.programs import (
    CONSTANTS,
    NotTaught,
    Step,
    expression,
    result,
    run,
    shown,
    taught,
)
from chatapp.solving.quantities import MOST, quantities
from tools.calculator import calculate

TEXT = "Lena bakes 4 trays of 12 muffins, gives half away and sells 25% of the rest."


def test_every_number_is_traced_to_all_its_places() -> None:
    """A 2 may be the word "half" or the constant only if the text does not say it."""
    found = quantities(TEXT)
    steps = taught([("4*12", "48"), ("48/2", "24"), ("24*.25", "6")], found)
    assert [step.operation for step in steps] == [3, 4, 3]
    assert (steps[0].lefts, steps[0].rights) == ((0,), (1,))
    assert (steps[1].lefts, steps[1].rights) == ((result(0),), (2,))
    assert (steps[2].lefts, steps[2].rights) == ((result(1),), (MOST + 3,))


def test_an_expression_of_several_signs_is_several_steps() -> None:
    """And its result is that of the last of them."""
    steps = taught([("(4+12)*2", "32"), ("32-4", "28")], quantities(TEXT))
    assert len(steps) == 3
    assert steps[2].lefts == (result(1),)


@pytest.mark.parametrize(
    "expressions",
    [
        [("4*12", "47")],
        [("4*17", "68")],
        [("4**2", "16")],
        [("4/0", "0")],
        [("4*x", "1")],
        [("48", "48")],
        [],
        [("4+12", "16")] * 11,
    ],
)
def test_what_cannot_be_traced_is_not_taught(expressions: list[tuple[str, str]]) -> None:
    """Wrong arithmetic, numbers from nowhere, other signs, no steps or too many."""
    with pytest.raises(NotTaught):
        taught(expressions, quantities(TEXT))


def test_steps_are_shown_as_people_write_them() -> None:
    """With the signs of a school book; nothing that was rounded is said to be equal."""
    found = quantities("3 friends share 10 apples")
    assert shown([Step(4, 1, 0), Step(3, result(0), 0)], found) == [
        "10 ÷ 3 = 10/3 ≈ 3.333",
        "10/3 × 3 = 10",
    ]
    assert run([Step(4, 1, 0), Step(3, result(0), 0)], found) == [Fraction(10, 3), 10]


def test_a_division_by_zero_is_no_program() -> None:
    """Nor is an operand that is not there."""
    found = quantities("0 of 10")
    assert run([Step(4, 1, 0)], found) is None
    assert run([Step(1, 1, 5)], found) is None


@st.composite
def programs(draw: st.DrawFn) -> list[Step]:
    """Programs over two numbers, the constants and what came before."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 5))):
        places = [0, 1, *(2 * MOST + n for n in range(len(CONSTANTS)))]
        places += [result(n) for n in range(number)]
        operand = st.sampled_from(places)
        steps.append(Step(draw(st.integers(1, 4)), draw(operand), draw(operand)))
    return steps


@given(programs(), st.integers(0, 999), st.integers(1, 999))
def test_the_calculator_agrees(steps: list[Step], one: int, other: int) -> None:
    """The whole expression comes to the result of the last step."""
    found = quantities(f"{one} and {other}")
    results = run(steps, found)
    if results is not None:
        assert calculate(expression(steps, found)) == results[-1]
