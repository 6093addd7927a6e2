"""Exact arithmetic with a cap: fractions as long as possible, rounded numbers where it must be.

The thing to know: every result is checked, and an operation that could be large is measured before
it is carried out, so no step takes more than the multiplication of two numbers of 1,000 digits.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TypeAlias

from tools.protocol import ToolError

Number: TypeAlias = Fraction | float  # a float is a rounded number

MOST_DIGITS = 1_000  # above or below the line of a fraction
_MOST_BITS = int(MOST_DIGITS * math.log2(10))
_LARGEST_FACTORIAL = 450
_LARGEST_ROOT = 64

TOO_LARGE = f"The result is larger than 10^{MOST_DIGITS}, or finer than that."
NOT_REAL = "The root of a negative number is not a real number."


def checked(value: Number) -> Number:
    """Return a value that is within the caps. Raises ToolError."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ToolError(TOO_LARGE)
        return value
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS:
        raise ToolError(TOO_LARGE)
    return value


def parse_number(text: str) -> Fraction:
    """Return the number that a token of kind `number` writes. Raises ToolError: too large."""
    if text[:2].lower() in ("0x", "0b", "0o"):
        number = Fraction(int(text, 0))
    else:
        plain = text.replace(",", "").replace("_", "")
        mantissa, _, exponent = plain.lower().partition("e")
        if len(exponent) > 5 or abs(int(exponent or 0)) > MOST_DIGITS:
            raise ToolError(TOO_LARGE)
        number = Fraction(mantissa) * Fraction(10) ** int(exponent or 0)
    checked(number)
    return number


def power(base: Number, exponent: Number) -> Number:
    """Return the power, exact where it is a fraction. Raises ToolError."""
    if isinstance(exponent, float) or isinstance(base, float):
        return _rounded_power(float(base), float(exponent))
    if exponent.denominator == 1:
        return _whole_power(base, exponent.numerator)
    if base < 0:
        raise ToolError(NOT_REAL)
    exact = root(base, exponent.denominator)
    if isinstance(exact, Fraction):
        return _whole_power(exact, exponent.numerator)
    return _rounded_power(float(base), float(exponent))


def _whole_power(base: Fraction, exponent: int) -> Fraction:
    if base == 0 and exponent < 0:
        raise ZeroDivisionError
    # Before computing it: a huge power would take the time and memory that it shows here.
    bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
    if bits * abs(exponent) > _MOST_BITS:
        raise ToolError(TOO_LARGE)
    if abs(base) == 1:
        return base if exponent % 2 else Fraction(1)  # whatever the exponent's own size
    return base**exponent


def _rounded_power(base: float, exponent: float) -> float:
    result: float | complex = base**exponent
    if isinstance(result, complex):
        raise ToolError(NOT_REAL)
    return result


def root(value: Number, degree: int) -> Number:
    """Return the real root of a degree from 1, exact where it is a fraction."""
    if value < 0:
        raise ToolError(NOT_REAL)
    if isinstance(value, Fraction) and degree <= _LARGEST_ROOT:
        above = _whole_root(value.numerator, degree)
        below = _whole_root(value.denominator, degree)
        if above is not None and below is not None:
            return Fraction(above, below)
    return math.sqrt(value) if degree == 2 else float(value) ** (1 / degree)


def _whole_root(value: int, degree: int) -> int | None:
    """Return the whole root if there is one, by halving the interval that must hold it."""
    if degree == 2:
        found = math.isqrt(value)
        return found if found * found == value else None
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low if low**degree == value else None


def factorial(value: Number) -> Fraction:
    """Return `value!`. Raises ToolError."""
    number = whole(value, "!")
    if number < 0:
        raise ToolError("Factorials are of whole numbers from 0.")
    if number > _LARGEST_FACTORIAL:
        raise ToolError(TOO_LARGE)
    return Fraction(math.factorial(number))


def whole(value: Number, wanted_by: str) -> int:
    """Return a whole number as one. Raises ToolError: it is none."""
    if isinstance(value, float) or value.denominator != 1:
        raise ToolError(f"{wanted_by} needs whole numbers.")
    return value.numerator


def rounded(value: Number, digits: int = 0) -> Number:
    """Return the value to so many decimals; halves go away from zero, as at school."""
    if abs(digits) > MOST_DIGITS:
        raise ToolError(TOO_LARGE)
    exact = Fraction(value)
    scale = Fraction(10) ** digits
    steps = math.floor(abs(exact) * scale + Fraction(1, 2))
    return (steps / scale) * (-1 if exact < 0 else 1)
