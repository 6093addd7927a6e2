"""Programs of arithmetic: steps that work on numbers of the text, constants and earlier results.

The thing to know: a program names where each operand comes from, never its digits, so the same
program solves a problem with other numbers. Training programs come from worked expressions
(GSM8K's `<<48/2=24>>`), in which every number is traced to all the places it may come from.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from chatapp.solving.quantities import HUNDREDTHS, MOST, PART, Quantity

STEPS = 10  # of a program
SIGNS = "+-*/"
STOP = 0  # the operation that ends a program; those of `SIGNS` are 1 … 4
# What everybody knows: small numbers, per cent, time, lengths, weights, money.
_WHOLE = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 24, 25, 28, 30, 36, 45, 48, 50, 52, 60, 64),
    *(90, 100, 120, 144, 168, 180, 360, 365, 366, 500, 1_000, 1_440, 2_000, 3_600, 5_280),
    *(10_000, 100_000, 1_000_000),
)
_BROKEN = ("1/2", "1/4", "3/4", "1/10", "1/5", "1/20", "1/100", "3/2", "5/4")
CONSTANTS = tuple(Fraction(number) for number in (*_WHOLE, *_BROKEN))
OPERANDS = 2 * MOST + len(CONSTANTS) + STEPS
_OF_SHARES = MOST  # where quantities stand as shares: 25 % as 0.25, "a third" as 1/3
_OF_CONSTANTS = 2 * MOST
_OF_RESULTS = _OF_CONSTANTS + len(CONSTANTS)
_NEAR = Fraction(1, 2000)  # how much rounding a written result may carry


class Step(NamedTuple):
    """An operation (1 … 4) on two operands, each a number below `OPERANDS`."""

    operation: int
    left: int
    right: int


class Taught(NamedTuple):
    """A step as it is taught: every place that each operand may be taken from."""

    operation: int
    lefts: tuple[int, ...]
    rights: tuple[int, ...]


class NotTaught(ValueError):
    """A worked solution that no program can be made of."""


def reaches(program: Sequence[Taught], found: Sequence[Quantity]) -> Fraction | None:
    """Return what a taught program comes to, operands taken from the first of their places."""
    steps = [Step(step.operation, step.lefts[0], step.rights[0]) for step in program]
    results = run(steps, found)
    return results[-1] if results else None


def answers_like(answer: Fraction, gold: str) -> bool:
    """Whether an answer is the number that `gold` writes down, to the cent or its last decimal."""
    plain = gold.replace(",", "").replace("$", "").strip()
    try:
        right = Fraction(plain)
    except ValueError:
        return False
    decimals = len(plain.partition(".")[2])
    return abs(answer - right) <= (Fraction(1, 2 * 10**decimals) if decimals else Fraction(1, 1000))


def result(step: int) -> int:
    """Return the operand that stands for the result of step number `step`."""
    return _OF_RESULTS + step


def values(found: Sequence[Quantity]) -> list[Fraction | None]:
    """Return what each operand is worth before the first step; None: there is no such operand."""
    worth: list[Fraction | None] = [None] * OPERANDS
    for number, quantity in enumerate(found):
        worth[number] = quantity.value
        if quantity.kind == HUNDREDTHS:
            worth[_OF_SHARES + number] = quantity.value / 100
        elif quantity.kind == PART:
            worth[_OF_SHARES + number] = 1 / quantity.value
    for number, constant in enumerate(CONSTANTS):
        worth[_OF_CONSTANTS + number] = constant
    return worth


def applied(operation: int, left: Fraction, right: Fraction) -> Fraction | None:
    """Return the result of one step; None for a division by zero or a number beyond use."""
    sign = SIGNS[operation - 1]
    if sign == "/":
        outcome = left / right if right else None
    else:
        outcome = left + right if sign == "+" else left - right if sign == "-" else left * right
    return None if outcome is None or abs(outcome) > 10**12 else outcome


def run(steps: Sequence[Step], found: Sequence[Quantity]) -> list[Fraction] | None:
    """Return the result of every step; None where a step cannot be taken."""
    worth = values(found)
    results: list[Fraction] = []
    for number, step in enumerate(steps):
        left, right = worth[step.left], worth[step.right]
        outcome = None
        if left is not None and right is not None:
            outcome = applied(step.operation, left, right)
        if outcome is None:
            return None
        worth[result(number)] = outcome
        results.append(outcome)
    return results


def taught(expressions: Sequence[tuple[str, str]], found: Sequence[Quantity]) -> list[Taught]:
    """Return the program of worked expressions, pairs such as ("48/2", "24").

    Raises:
        NotTaught: an expression cannot be read, is wrong, or uses a number that comes from nowhere.
    """
    tracer = _Tracer(found)
    for expression, outcome in expressions:
        try:
            tree = ast.parse(expression.replace(",", "").strip(), mode="eval").body
            said = Fraction(outcome.replace(",", "").strip())
        except (SyntaxError, ValueError, ZeroDivisionError) as error:
            raise NotTaught(f"{expression}={outcome} cannot be read") from error
        if isinstance(tree, ast.Constant):
            continue
        tracer.follow(tree)
        worked = tracer.results[-1][0] if tracer.results else said
        if abs(worked - said) > max(_NEAR, abs(said) * _NEAR * 10):
            raise NotTaught(f"{expression} is not {outcome}")
        tracer.said(said)
    if not tracer.steps or len(tracer.steps) > STEPS:
        raise NotTaught("no steps, or too many")
    return tracer.steps


class _Tracer:
    """Makes steps of expressions and finds where their numbers come from."""

    def __init__(self, found: Sequence[Quantity]) -> None:
        self._worth = values(found)
        self.steps: list[Taught] = []
        self.results: list[tuple[Fraction, Fraction]] = []  # as worked, as written

    def said(self, outcome: Fraction) -> None:
        """Remember how the last result was written down: rounded, perhaps."""
        if self.results:
            self.results[-1] = (self.results[-1][0], outcome)

    def follow(self, tree: ast.expr) -> tuple[tuple[int, ...], Fraction]:
        """Return where the value of `tree` is to be found, and the value."""
        if isinstance(tree, ast.BinOp):
            lefts, left = self.follow(tree.left)
            rights, right = self.follow(tree.right)
            operation = 1 + [ast.Add, ast.Sub, ast.Mult, ast.Div].index(_sign(tree.op))
            outcome = applied(operation, left, right)
            if outcome is None:
                raise NotTaught("a division by zero")
            self.steps.append(Taught(operation, lefts, rights))
            self.results.append((outcome, outcome))
            return (result(min(len(self.steps), STEPS) - 1),), outcome
        if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float):
            value = Fraction(str(tree.value))
            return self._places(value), value
        raise NotTaught("more than the four operations")

    def _places(self, value: Fraction) -> tuple[int, ...]:
        """Return the operands that are worth `value`: results before the text, it before all."""
        earlier = [
            result(number)
            for number, (worked, said) in enumerate(self.results[:STEPS])
            if value in (worked, said)
            or (worked != said and abs(worked - value) <= _NEAR * abs(value))
        ]
        told = [n for n in range(_OF_CONSTANTS) if self._worth[n] == value]
        known = [n for n in range(_OF_CONSTANTS, _OF_RESULTS) if self._worth[n] == value]
        places = earlier[-1:] + told or known
        if not places:
            raise NotTaught(f"{value} comes from nowhere")
        return tuple(places)


def _sign(operator: ast.operator) -> type[ast.operator]:
    if not isinstance(operator, ast.Add | ast.Sub | ast.Mult | ast.Div):
        raise NotTaught("more than the four operations")
    return type(operator)


def shown(steps: Sequence[Step], found: Sequence[Quantity]) -> list[str]:
    """Return the steps as lines such as "48 / 2 = 24"."""
    worth, results = values(found), run(steps, found)
    if results is None:
        raise ValueError("the program cannot be run")
    for number, outcome in enumerate(results):
        worth[result(number)] = outcome
    return [
        f"{_written(worth[step.left])} {_PRINTED[step.operation - 1]} {_written(worth[step.right])}"
        f" = {_result_written(outcome)}"
        for step, outcome in zip(steps, results, strict=True)
    ]


_PRINTED = "+−×÷"


def expression(steps: Sequence[Step], found: Sequence[Quantity]) -> str:
    """Return the whole program as one expression that the calculator reads."""
    worth = values(found)
    said: dict[int, str] = {
        n: f"({value.numerator}/{value.denominator})" if value.denominator > 1 else str(value)
        for n, value in enumerate(worth)
        if value is not None
    }
    for number, step in enumerate(steps):
        left, right = said[step.left], said[step.right]
        said[result(number)] = f"({left} {SIGNS[step.operation - 1]} {right})"
    whole = said[result(len(steps) - 1)]
    return whole[1:-1]


def _written(value: Fraction | None) -> str:
    """Return a number as people write it: whole, with up to four decimals, or as a fraction."""
    assert value is not None  # the program has run
    if value.denominator == 1 or 10_000 % value.denominator:
        return str(value)
    return f"{float(value):.4f}".rstrip("0")


def _result_written(value: Fraction) -> str:
    """Return a result; of one that has no end as a decimal, both the fraction and its beginning."""
    plain = _written(value)
    return f"{plain} ≈ {float(value):.4g}" if "/" in plain else plain
