"""Arithmetic without `eval`: the expression is parsed, and only listed operations are carried out.

Length, depth, exponents and digits are capped, so no expression can hang or fill the memory.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from tools.protocol import ToolContext, ToolError, ToolOutput, Unavailable

LONGEST_EXPRESSION = 500  # characters
DEEPEST = 50  # nested operations
LARGEST = 10**300  # magnitude of any number on the way; below the limit of floats
LARGEST_EXPONENT = 1_000

Number = int | float

_AS_TYPED = str.maketrans({"^": "**", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": abs,
    "cos": math.cos,
    "exp": math.exp,
    "ln": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": round,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}


def _power(base: Number, exponent: Number) -> Number:
    if abs(exponent) > LARGEST_EXPONENT:
        raise ToolError(f"Exponents may be at most {LARGEST_EXPONENT}.")
    # Before computing it: a huge integer power would take the time and memory it shows here.
    if abs(base) > 1 and exponent > 0 and exponent * math.log10(abs(base)) > math.log10(LARGEST):
        raise ToolError(f"The result is larger than {LARGEST:.0e}.")
    result = base**exponent
    if isinstance(result, complex):
        raise ToolError("The root of a negative number is not a real number.")
    return result


_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


class Calculator:
    """The tool `calculator`: one arithmetic expression in, its value out."""

    name = "calculator"
    description = "Evaluate an arithmetic expression such as 2 * (3 + 4) ^ 2."
    schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {"expression": {"type": "string"}},
        "required": ["expression"],
        "additionalProperties": False,
    }

    needs_approval = False

    def available(self) -> Unavailable | None:
        """It always is."""
        return None

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        return ToolOutput(format_number(calculate(arguments["expression"])), "number")


def calculate(expression: str) -> Number:
    """Return the value of an arithmetic expression.

    Raises:
        ToolError: it is no arithmetic, or beyond the caps; the message says which.
    """
    text = expression.strip().rstrip("=?").translate(_AS_TYPED)
    if not text:
        raise ToolError("Give an expression, such as 2 * (3 + 4).")
    if len(text) > LONGEST_EXPRESSION:
        raise ToolError(f"Expressions may have at most {LONGEST_EXPRESSION} characters.")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _value(tree.body, DEEPEST)
    except ToolError:
        raise
    except ZeroDivisionError:
        raise ToolError("Division by zero has no value.") from None
    except (SyntaxError, RecursionError, MemoryError):
        raise ToolError(f"This is no arithmetic expression: {expression.strip()}") from None
    except (ValueError, OverflowError, TypeError) as error:
        raise ToolError(f"This has no value: {error}.") from None


def format_number(value: Number) -> str:
    """Return whole numbers in full and others to 12 significant digits."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.12g}"
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def _value(node: ast.expr, depth: int) -> Number:
    if depth == 0:
        raise ToolError(f"Expressions may nest at most {DEEPEST} operations.")
    value = _operation(node, depth - 1)
    if abs(value) > LARGEST:
        raise ToolError(f"The result is larger than {LARGEST:.0e}.")
    return value


def _operation(node: ast.expr, depth: int) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, depth), _value(right, depth))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand, depth))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument, depth) for argument in args))
    raise ToolError(f"This cannot be calculated: {ast.unparse(node)}")
