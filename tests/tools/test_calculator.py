"""The calculator is right or refuses, and says which; it takes no time over it."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.calculator import HOSTILE, disagreement, expression
from tools.calculator import Calculator, calculate, evaluate, format_number, in_words
from tools.calls import ToolCall
from tools.protocol import ToolContext, ToolError
from tools.registry import ToolRegistry

_NO_ARITHMETIC = r"cannot be calculated|no arithmetic"
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)  # a Sunday


def said(text: str) -> str:
    """Return what a person reads."""
    return in_words(evaluate(text, NOW))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("2 * (3 + 4) ^ 2 =", "98"),
        ("0.1 + 0.2", "0.3"),
        ("1/3 + 1/6", "0.5"),
        ("1/3", "0.333333333333 (rounded; exactly 1/3)"),
        ("7 // 2 + 7 % 2", "4"),
        ("7 mod 3", "1"),
        ("−3 × 4 ÷ 2", "-6"),
        ("-2 ** 2", "-4"),
        ("2 ** 3 ** 2", "512"),
        ("2 ** -1", "0.5"),
        ("2 ** 100", str(2**100)),
        ("1,234,567 + 1", "1234568"),
        ("max(1,234)", "234"),
        ("1_000 * 1e-3", "1"),
        ("0xff + 0b11", "258"),
        ("15% of 80", "12"),
        ("200 * (1 + (10%))", "220"),
        ("5! / 3!", "20"),
        ("8 ^ (1/3)", "2"),
        ("sqrt(1/4)", "0.5"),
        ("sqrt(2)", "1.41421356237 (rounded)"),
        ("cbrt(-27)", "-3"),
        ("log(1000, 10) + log2(8)", "6"),
        ("round(2.5) + round(-1.25, 1)", "1.7"),
        ("gcd(12, 18) + lcm(4, 6) + comb(5, 2) + perm(4, 2)", "40"),
        ("mean(1, 2, 6) + median(1, 2, 9) + sum(1, 2)", "8"),
        ("floor(-1.5) + ceil(1.2) + trunc(-1.9) + sign(-3) + abs(-4)", "2"),
        ("2 π", None),
        ("1e300 * 1e300 / 1e599", "10"),
    ],
)
def test_numbers(text: str, answer: str | None) -> None:
    """Whole numbers, decimals, fractions, percentages and functions, exact where they can be."""
    if answer is None:
        with pytest.raises(ToolError, match="no arithmetic"):
            said(text)
    else:
        assert said(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 h 20 min + 45 min", "4 hours 5 minutes"),
        ("3h20m in minutes", "200 minutes"),
        ("90 min in hours", "1.5 hours"),
        ("10 days in weeks", "1.42857142857 weeks (rounded)"),
        ("2 weeks - 1 day", "13 days"),
        ("3 h * 2.5", "7 hours 30 minutes"),
        ("3 h / 20 min", "9"),
        ("1 h / 7", "8 minutes 34.2857142857 seconds (rounded)"),
        ("-3 h", "-3 hours"),
        ("1 h - 60 min", "0 seconds"),
        ("2 years - 3 months", "1 year 9 months"),
        ("1 year / 2", "6 months"),
        ("2026-12-24 - today", "32 days"),
        ("today + 90 days", "2027-02-20 (Saturday)"),
        ("tomorrow - yesterday", "2 days"),
        ("2026-01-31 + 1 month", "2026-02-28 (Saturday)"),
        ("2024-02-29 + 1 year", "2025-02-28 (Friday)"),
        ("2026-03-31 - 1 month", "2026-02-28 (Saturday)"),
        ("now + 36 h", "2026-11-24 02:30:00"),
        ("2026-11-22 14:30 + 45 min", "2026-11-22 15:15:00"),
        ("2026-11-22T00:00 - 2026-11-20", "2 days"),
        ("today + 90 min", "2026-11-22 01:30:00"),
        ("14:30 - 9:15", "5 hours 15 minutes"),
        ("23:30 + 1 h", "00:30"),
        ("0:00 - 1 s", "23:59:59"),
        ("weekday(today)", "Sunday"),
        ("age(1990-05-17)", "36"),
        ("age(1990-11-23, 2026-11-22)", "35"),
        ("2 * 3 min", "6 minutes"),
        ("500 ms * 3", "1.5 seconds"),
        ("1500 ms in ms", "1500 ms"),
    ],
)
def test_times_and_dates(text: str, answer: str) -> None:
    """Spans, dates and times of day; months stay in the month that is meant."""
    assert said(text) == answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 month in days", "no fixed length"),
        ("1.5 months", "no fixed length"),
        ("1 month / 2", "no fixed length"),
        ("1 month / 3 days", "no fixed length"),
        ("today + 5", "A date and a number cannot be added"),
        ("today * 2", "cannot be multiplied"),
        ("1 / 3 h", "cannot be divided"),
        ("14:30 - today", "cannot be compared"),
        ("14:30 + 1 month", "no months"),
        ("-today", "has no negative"),
        ("2 h ** 2", "cannot be combined"),
        ("sqrt(2 h)", "A number is needed"),
        ("2026-02-30", "There is no date"),
        ("25:00", "no time of day"),
        ("9999-12-31 + 1 day", "beyond the calendar"),
        ("today + 1e9 years", "beyond the calendar"),
        ("today + 1e300 days", "beyond the calendar"),
        ("5 in hours", "Only a span of time"),
        ("weekday(3)", "takes a date"),
        ("weekday()", "takes a date"),
    ],
)
def test_what_has_no_meaning_in_time_is_refused(text: str, reason: str) -> None:
    """Months have no length in days, and dates are no numbers."""
    with pytest.raises(ToolError, match=reason):
        said(text)


def test_a_random_expression_is_as_python_has_it() -> None:
    """Precedence and every exact operation agree with Python's fractions on 3,000 expressions."""
    source = random.Random(11)
    wrong = [found for _ in range(3_000) if (found := disagreement(expression(source)))]
    assert wrong == []


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_whole_numbers_are_exact(a: int, b: int) -> None:
    """As they are in Python."""
    assert calculate(f"({a}) * ({b}) - ({a})") == a * b - a


@given(st.fractions(max_denominator=10**6))
def test_what_is_shown_reads_back_as_itself(value: Fraction) -> None:
    """An exact decimal is the number; a rounded one is next to it."""
    shown = format_number(value)
    error = abs(calculate(f"({shown})") - value)
    assert error <= abs(value) * Fraction(1, 10**11)


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "open('x')", "(1).real", "[1]", "lambda: 1", "x", "'a' * 9", "True + 1",
     "sqrt.__class__", "max(*[1])", "round(1.5, ndigits=1)", "f'{1}'", "1 < 2", "1; 2", "a = 1",
     "eval('1')", "٣ + ٤", "²", "１２", "½", "1 + Ⅷ", "sum(i for i in x)", "#", "1 @ 2", "1 | 2"],
)  # fmt: skip
def test_nothing_but_arithmetic_is_carried_out(text: str) -> None:
    """Code, names, text and the digits of other scripts are refused by what stands there."""
    with pytest.raises(ToolError, match=_NO_ARITHMETIC):
        calculate(text)
    with pytest.raises(ToolError, match=_NO_ARITHMETIC):
        evaluate(text, NOW)


@pytest.mark.parametrize(("text", "reason"), HOSTILE.items(), ids=lambda text: text[:24])
def test_hostile_input_and_mistakes_are_explained(text: str, reason: str) -> None:
    """Whatever would take time or memory is refused before it is computed."""
    with pytest.raises(ToolError, match=reason):
        evaluate(text, NOW)


@given(st.text("0123456789+-*/^(). e%!,:hmdin2026", max_size=60))
def test_no_expression_hangs_or_escapes_as_another_error(text: str) -> None:
    """Any row of characters gives a value that can be shown, or words."""
    for read in (calculate, lambda text: evaluate(text, NOW)):
        with suppress(ToolError):
            value = read(text)
            assert in_words(value)
            assert not isinstance(value, float) or math.isfinite(value)


def test_as_a_tool_it_gives_the_number_its_fraction_and_its_kind() -> None:
    """The value says whether it is exact, so that nobody repeats a rounded number as the truth."""
    registry = ToolRegistry([Calculator()])
    context = ToolContext(clock=lambda: NOW)
    third = registry.run(ToolCall("calculator", {"expression": "1/3"}), context).output
    assert third.kind == "number"
    assert third.value == {"number": "0.333333333333", "fraction": "1/3", "exact": False}
    day = registry.run(ToolCall("calculator", {"expression": "today"}), context).output
    assert (day.kind, day.value) == ("time", {"date": "2026-11-22"})
    clock = registry.run(ToolCall("calculator", {"expression": "14:30"}), context).output
    assert clock.value == {"time": "14:30"}
    span = registry.run(ToolCall("calculator", {"expression": "1 month + 90 s"}), context).output
    assert span.value == {"months": 1, "seconds": "90"}
    word = registry.run(ToolCall("calculator", {"expression": "weekday(today)"}), context).output
    assert word.value == {"text": "Sunday"}
