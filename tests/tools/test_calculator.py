"""Arithmetic is right, and nothing but arithmetic is carried out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.calculator import Calculator, calculate, format_number
from tools.protocol import ToolContext, ToolError


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 * (3 + 4) ^ 2 =", "98"),
        ("0.1 + 0.2", "0.3"),
        ("7 // 2 + 7 % 2", "4"),
        ("−3 × 4 ÷ 2", "-6"),
        ("sqrt(2)", "1.41421356237"),
        ("max(1, 2, 3) - abs(-1)", "2"),
        ("2 ** 100", str(2**100)),
        ("cos(pi)", "-1"),
    ],
)
def test_values(expression, value):
    assert Calculator().run({"expression": expression}, ToolContext()).text == value


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_whole_numbers_are_exact(a, b):
    assert calculate(f"({a}) * ({b}) - ({a})") == a * b - a


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "open('x')", "(1).real", "[1]", "lambda: 1", "x", "'a' * 9", "True + 1",
     "1 if 1 else 2", "sqrt.__class__", "max(*[1])", "round(1.5, ndigits=1)", "f'{1}'", "1 < 2"],
)  # fmt: skip
def test_nothing_but_arithmetic_is_carried_out(expression):
    with pytest.raises(ToolError, match="cannot be calculated"):
        calculate(expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("9 ** 9 ** 9", "Exponents"),
        ("10 ^ 299 * 100", "larger than"),
        ("9 ^ 999", "larger than"),
        ("1e999", "larger than"),
        ("-" * 60 + "1", "nest"),
        ("1" * 501, "characters"),
        ("(" * 400, "no arithmetic"),
        ("1 / 0", "Division by zero"),
        ("(-8) ^ 0.5", "negative"),
        ("sqrt(-1)", "no value"),
        ("1 +", "no arithmetic"),
        ("  ", "Give an expression"),
    ],
)
def test_limits_and_mistakes_are_explained(expression, message):
    with pytest.raises(ToolError, match=message):
        calculate(expression)


@given(st.text("0123456789+-*/^(). e%", max_size=40))
def test_no_expression_hangs_or_escapes_as_another_error(text):
    try:
        value = calculate(text)
    except ToolError:
        return
    assert math.isfinite(value)
    assert format_number(value)
