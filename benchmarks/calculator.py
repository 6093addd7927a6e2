"""The calculator against Python's exact fractions, and how long hostile input holds it.

Random expressions are written by this module, with precedence, associativity and every operation
left to Python's own parser and `Fraction`: only what it wrote itself is given to `eval`. Hostile
input must be refused, each within 100 ms. The peer of the speed is that same `eval`.

    python benchmarks/calculator.py --n 100000
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import random
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from fractions import Fraction

from tools.calculator import calculate, evaluate
from tools.protocol import ToolError

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
# what nobody should type, and what the refusal must say
HOSTILE = {
    "9 ** 9 ** 9": "larger than",
    "9 ^ 9 ^ 9 ^ 9 ^ 9": "larger than",
    "(9^999)^999": "larger than",
    "10 ^ 999 * 100": "larger than",
    "1e99999999999": "larger than",
    "1e999 * 1e999": "larger than",
    "10 ^ -999 / 100": "larger than",
    "9999!": "larger than",
    "200!!": "larger than",
    "1e9!": "larger than",
    "1" + "%" * 600: "larger than",
    "sum(" + ",".join(f"{n}^-300" for n in range(900, 990)) + ")": "larger than",
    "lcm(" + ",".join(f"{n}^90" for n in range(101, 200)) + ")": "larger than",
    "comb(1e6, 5e5)": "comb takes",
    "perm(1e6, 1e6)": "perm takes",
    "round(1, 1e9)": "larger than",
    "root(2, 1e9)": "root takes",
    "exp(1000)": "too large",
    "sin(1e999)": "too large",
    "2.5 ^ 1e308": "larger than|too large",
    "1.0000000001 ^ 1e15": "larger than",
    "-" * 60 + "1": "nest",
    "(" * 400: "nest",
    "(" * 400 + "1" + ")" * 400: "nest",
    "2^" * 100 + "1": "nest",
    "abs(" * 100 + "1" + ")" * 100: "nest",
    "1" * 1_001: "characters",
    "1+" * 10_000_000: "characters",
    "1 / 0": "Division by zero",
    "0 ^ -1": "Division by zero",
    "1 mod 0": "Division by zero",
    "(-8) ^ 0.5": "negative",
    "(-8) ^ pi": "negative",
    "sqrt(-1)": "negative",
    "asin(2)": "no value",
    "log(-1)": "above 0",
    "log(2, 1)": "above 0",
    "factorial(-1)": "from 0",
    "2.5!": "whole numbers",
    "200 + 10%": "two meanings",
    "10 % -3": "mod",
    "1 +": "no arithmetic",
    "()": "no arithmetic",
    "2(3)": "no arithmetic",
    "1 1/2": "no arithmetic",
    "max()": "another number of values",
    "sqrt(1, 2)": "another number of values",
    "  ": "Give an expression",
}

_SPACES = ["", "", " ", "  "]
_LITERAL = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:e-?[0-9]+)?")


def expression(random_source: random.Random, depth: int = 5) -> str:
    """Return a random expression of numbers, + - * / // % ** and parentheses."""
    kind = random_source.random()
    space = random_source.choice(_SPACES)
    if depth == 0 or kind < 0.2:
        return _number(random_source)
    inner = expression(random_source, depth - 1)
    if kind < 0.35:
        return f"({space}{inner}{space})"
    if kind < 0.45:
        return f"-{inner}" if not inner.startswith("-") else f"-({inner})"
    if kind < 0.55:
        exponent = random_source.choice(["2", "3", "0", "-1", "-2", "1", "(1-3)"])
        return f"({inner}){space}**{space}{exponent}"
    sign = random_source.choice(["+", "-", "*", "/", "+", "-", "*", "//", "%"])
    other = expression(random_source, depth - 1)
    if sign == "%":  # what follows must be no sign, which has two meanings here
        other = f"({other})"
    return f"{inner}{space}{sign}{space}{other}"


def _number(random_source: random.Random) -> str:
    whole = str(random_source.randrange(10 ** random_source.randrange(1, 7)))
    kind = random_source.random()
    if kind < 0.6:
        return whole
    if kind < 0.9:
        return f"{whole}.{random_source.randrange(1000)}"
    return f"{whole}e{random_source.choice(['3', '-4'])}"


class _WholeQuotients(ast.NodeTransformer):
    """Makes fractions of what `//` gives: Python's whole numbers would divide to floats."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Wrap `a // b` as `F(a // b)`."""
        self.generic_visit(node)
        if isinstance(node.op, ast.FloorDiv):
            return ast.Call(ast.Name("F", ast.Load()), [node], [])
        return node


def truth(text: str) -> Fraction | None:
    """Return the exact value; None where it is a division by zero."""
    source = _LITERAL.sub(lambda match: f"F('{match[0]}')", text)
    tree = ast.fix_missing_locations(
        _WholeQuotients().visit(ast.parse(source.strip(), mode="eval"))
    )
    try:
        return Fraction(eval(compile(tree, "oracle", "eval"), {"__builtins__": {}, "F": Fraction}))
    except ZeroDivisionError:
        return None


def disagreement(text: str) -> str:
    """Return in words how the calculator errs on an expression; empty when it is right."""
    expected = truth(text)
    try:
        found = calculate(text)
    except ToolError as error:
        message = str(error)
        small = expected is not None and _digits(expected) <= 1_000
        if expected is None and "Division by zero" in message:
            return ""
        return f"{text}: refused ({message})" if small or expected is None else ""
    if found != expected or isinstance(found, float):
        return f"{text}: {found} instead of {expected}"
    return ""


def _digits(value: Fraction) -> float:
    return max(value.numerator.bit_length(), value.denominator.bit_length()) * 0.30103


def hostile_seconds() -> dict[str, float]:
    """Return how long each hostile expression takes to be refused; slowest of three times."""
    return {text: max(_refused(text) for _ in range(3)) for text in HOSTILE}


def _refused(text: str) -> float:
    began = time.perf_counter()
    try:
        evaluate(text, NOW)
    except ToolError:
        return time.perf_counter() - began
    raise AssertionError(f"not refused: {text[:60]}")


def main() -> int:
    """Measure; print disagreements on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source = random.Random(options.seed)
    texts = [expression(source) for _ in range(options.n)]
    wrong = [found for text in texts if (found := disagreement(text))]
    print("\n".join(wrong[:20]), file=sys.stderr, end="\n" if wrong else "")
    ours, pythons = _seconds(calculate, texts), _seconds(truth, texts)
    slowest = hostile_seconds()
    worst = max(slowest, key=lambda text: slowest[text])
    print(f"slowest hostile input: {worst[:60]}", file=sys.stderr)
    line = {
        "metrics": {
            "wrong": len(wrong),
            "microseconds": round(1e6 * ours / options.n, 1),
            "ratio_python_eval": round(ours / pythons, 3),
            "hostile_slowest_ms": round(1e3 * slowest[worst], 2),
            "hostile_over_100_ms": sum(seconds > 0.1 for seconds in slowest.values()),
        },
        "n": options.n,
        "stderr": {},
        "config": {"seed": options.seed, "hostile": len(slowest)},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}",
    }
    print(json.dumps(line))
    return int(bool(wrong))


def _seconds(work: Callable[[str], object], texts: list[str]) -> float:
    began = time.perf_counter()
    for text in texts:
        with suppress(ToolError):
            work(text)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
