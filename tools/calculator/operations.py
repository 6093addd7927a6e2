"""What the signs do with two values: numbers, spans of time and moments."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from tools.calculator import times
from tools.calculator.functions import Value
from tools.calculator.numbers import Number, checked, power
from tools.calculator.times import Clock, Span
from tools.protocol import ToolError

_MEANING = {"+": "added", "-": "subtracted", "*": "multiplied", "/": "divided"}


def combine(sign: str, left: Value, right: Value) -> Value:
    """Return the result of `left sign right`.

    Raises:
        ToolError: the two cannot be combined so, or the result is too large.
        ZeroDivisionError: a division by zero.
    """
    if isinstance(left, Fraction | float) and isinstance(right, Fraction | float):
        return checked(_of_numbers(sign, left, right))
    result = _of_times(sign, left, right)
    if result is None:
        meaning = _MEANING.get(sign, f"combined by {sign}")
        raise ToolError(f"{_name(left).capitalize()} and {_name(right)} cannot be {meaning}.")
    if isinstance(result, Span):
        checked(result.seconds)
        checked(Fraction(result.months))
    return result


def negative(value: Value) -> Value:
    """Return `-value`. Raises ToolError: there is no such thing."""
    if isinstance(value, Fraction | float):
        return -value
    if isinstance(value, Span):
        return times.scaled(value, Fraction(-1))
    raise ToolError(f"{_name(value).capitalize()} has no negative.")


def _of_numbers(sign: str, left: Number, right: Number) -> Number:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case "//":
            times_in = left // right
            return Fraction(times_in) if isinstance(times_in, int) else times_in
        case "mod":
            return left % right
        case _:
            return power(left, right)


def _of_times(sign: str, left: Value, right: Value) -> Value | None:
    match sign, left, right:
        case "+", Span(), Span():
            return times.added(left, right)
        case "-", Span(), Span():
            return times.added(left, times.scaled(right, Fraction(-1)))
        case "+", date() | Clock(), Span():
            return times.later(left, right)
        case "+", Span(), date() | Clock():
            return times.later(right, left)
        case "-", date() | Clock(), Span():
            return times.later(left, times.scaled(right, Fraction(-1)))
        case "-", date() | Clock(), date() | Clock():
            return times.between(right, left)
        case "*", Span(), Fraction():
            return times.scaled(left, right)
        case "*", Fraction(), Span():
            return times.scaled(right, left)
        case "/", Span(), Fraction():
            return times.scaled(left, 1 / right)
        case "/", Span(), Span():
            return _ratio(left, right)
    return None


def _ratio(left: Span, right: Span) -> Fraction:
    unit = "month" if right.months else "second"
    return times.in_unit(left, unit) / times.in_unit(right, unit)


def _name(value: Value) -> str:
    if isinstance(value, Fraction | float):
        return "a number"
    if isinstance(value, Span):
        return "a span of time"
    return "a time of day" if isinstance(value, Clock) else "a date"
