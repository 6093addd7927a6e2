"""The functions and constants that an expression may use; nothing else can be called."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from tools.calculator.numbers import Number, checked, factorial, power, root, rounded, whole
from tools.calculator.times import Moment, Span, age, weekday
from tools.protocol import ToolError

Value: TypeAlias = Number | Span | Moment | str

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}
_MOST_CHOICES = 1_000


class Function(NamedTuple):
    """A function, and how many arguments it takes; `most` None is any number of them."""

    call: Callable[..., Value]
    least: int = 1
    most: int | None = 1


def _log(value: Number, base: Number = math.e) -> Number:
    """Return the logarithm, exact where the base's whole power is the value."""
    if value <= 0 or base <= 0 or base == 1:
        raise ToolError("Logarithms are of numbers above 0, to a base above 0 that is not 1.")
    result = _ln(value) / _ln(base)
    nearest = Fraction(round(result))
    with suppress(ToolError):  # a power beyond the caps is not the value, which is within them
        if isinstance(value, Fraction) and power(base, nearest) == value:
            return nearest
    return result


def _ln(value: Number) -> float:
    """Return the natural logarithm, also of numbers that are beyond floats."""
    if isinstance(value, Fraction) and max(value, 1 / value) > 2**1000:
        return math.log(value.numerator) - math.log(value.denominator)
    return math.log(value)


def _choose(n: Number, k: Number) -> Number:
    items, chosen = whole(n, "comb"), whole(k, "comb")
    if not 0 <= chosen <= items <= _MOST_CHOICES:
        raise ToolError(f"comb takes whole numbers from 0 to {_MOST_CHOICES:,}, the larger first.")
    return Fraction(math.comb(items, chosen))


def _arrange(n: Number, k: Number) -> Number:
    items, chosen = whole(n, "perm"), whole(k, "perm")
    if not 0 <= chosen <= items <= 450:
        raise ToolError("perm takes whole numbers from 0 to 450, the larger first.")
    return Fraction(math.perm(items, chosen))


def _sum(*values: Number) -> Number:
    total: Number = Fraction(0)
    for value in values:
        total = checked(total + value)  # each step: fractions grow as they are added
    return total


def _mean(*values: Number) -> Number:
    return _sum(*values) / len(values)


def _median(*values: Number) -> Number:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else _mean(ordered[middle - 1], ordered[middle])


def _lcm(*values: Number) -> Number:
    found = 1
    for value in values:
        found = math.lcm(found, whole(value, "lcm"))
        checked(Fraction(found))
    return Fraction(found)


def _any_root(value: Number, degree: Number) -> Number:
    number = whole(degree, "root")
    if not 1 <= number <= 1_000:
        raise ToolError("root takes a degree from 1 to 1,000.")
    if value < 0 and number % 2:
        return -root(-value, number)
    return root(value, number)


def _truncated(value: Number) -> Number:
    return Fraction(math.trunc(value))


def _sign(value: Number) -> Number:
    return Fraction((value > 0) - (value < 0))


FUNCTIONS: dict[str, Function] = {
    "abs": Function(abs),
    "acos": Function(math.acos),
    "asin": Function(math.asin),
    "atan": Function(math.atan),
    "atan2": Function(math.atan2, 2, 2),
    "cbrt": Function(lambda value: _any_root(value, Fraction(3))),
    "ceil": Function(lambda value: Fraction(math.ceil(value))),
    "comb": Function(_choose, 2, 2),
    "cos": Function(math.cos),
    "cosh": Function(math.cosh),
    "degrees": Function(math.degrees),
    "exp": Function(math.exp),
    "factorial": Function(factorial),
    "floor": Function(lambda value: Fraction(math.floor(value))),
    "gcd": Function(lambda *v: Fraction(math.gcd(*(whole(each, "gcd") for each in v))), 2, None),
    "hypot": Function(lambda a, b: root(a * a + b * b, 2), 2, 2),
    "lcm": Function(_lcm, 2, None),
    "ln": Function(_log),
    "log": Function(_log, 1, 2),
    "log10": Function(lambda value: _log(value, Fraction(10))),
    "log2": Function(lambda value: _log(value, Fraction(2))),
    "max": Function(max, 1, None),
    "mean": Function(_mean, 1, None),
    "median": Function(_median, 1, None),
    "min": Function(min, 1, None),
    "perm": Function(_arrange, 2, 2),
    "radians": Function(math.radians),
    "root": Function(_any_root, 2, 2),
    "round": Function(lambda v, digits=Fraction(0): rounded(v, whole(digits, "round")), 1, 2),
    "sign": Function(_sign),
    "sin": Function(math.sin),
    "sinh": Function(math.sinh),
    "sqrt": Function(lambda value: root(value, 2)),
    "sum": Function(_sum, 1, None),
    "tan": Function(math.tan),
    "tanh": Function(math.tanh),
    "trunc": Function(_truncated),
}
# Of dates; `today` fills the second argument where it is left out.
OF_DATES: dict[str, Callable[[date, date], Value]] = {
    "age": age,
    "weekday": lambda day, today: weekday(day),
}
