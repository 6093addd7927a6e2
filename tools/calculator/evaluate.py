"""Reads an expression and calculates it on the way; nothing is kept but the value.

Grammar, loosest first: `x in UNIT`, `+ -`, `* / // % mod of`, signs, `**` (from the right), then
`!` and `%` after a value. As in Python, -2 ** 2 is -4.
"""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction

from tools.calculator import times
from tools.calculator.functions import CONSTANTS, FUNCTIONS, OF_DATES, Value
from tools.calculator.numbers import Number, checked, factorial, parse_number
from tools.calculator.operations import combine, negative
from tools.calculator.times import Span
from tools.calculator.tokens import Token, tokens
from tools.protocol import ToolError

DEEPEST = 50  # nested operations
_PERCENT = "A sum with a percentage has two meanings: write 200 * 1.10, or 200 + 10% of 200."


def calculate(expression: str) -> Number:
    """Return the value of an arithmetic expression, without times: 2026-11-22 is 1993.

    Raises:
        ToolError: it is no arithmetic, or beyond the caps; the message says which.
    """
    value = _value(tokens(expression, with_times=False), expression, now=None)
    assert isinstance(value, Fraction | float)
    return value


def evaluate(expression: str, now: datetime) -> Value:
    """Return the value of an expression with numbers, spans of time, dates and times of day.

    `now` is what `now` and `today` mean. Raises ToolError as `calculate` does.
    """
    here = now.replace(tzinfo=None, microsecond=0)
    return _value(tokens(expression, with_times=True), expression, now=here)


def _value(row: list[Token], expression: str, now: datetime | None) -> Value:
    try:
        return _Reader(row, expression.strip(), now).everything()
    except ZeroDivisionError:
        raise ToolError("Division by zero has no value.") from None
    except OverflowError:
        raise ToolError("The result, or a step on the way, is too large for a function.") from None
    except ToolError:
        raise
    except (ValueError, TypeError) as error:
        raise ToolError(f"This has no value: {error}.") from None


class _Reader:
    """Walks along the tokens once. `now` None means that there are no times here."""

    def __init__(self, row: list[Token], expression: str, now: datetime | None) -> None:
        self._row = row
        self._at = 0
        self._depth = 0
        self._expression = expression
        self._now = now

    def everything(self) -> Value:
        """Return the value of all tokens."""
        value = self._sum()
        if self._now is not None and self._is_word("in", "to"):
            value = self._converted(value)
        if self._token.kind != "end":
            raise self._no_arithmetic()
        return value

    @property
    def _token(self) -> Token:
        return self._row[self._at]

    def _take(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _is(self, *signs: str) -> bool:
        return self._token.kind == "sign" and self._token.text in signs

    def _is_word(self, *words: str) -> bool:
        return self._token.kind == "word" and self._token.text.lower() in words

    def _sum(self) -> Value:
        value, percent = self._product()
        while self._is("+", "-"):
            sign = self._take().text
            term, percent = self._product()
            if percent:
                raise ToolError(_PERCENT)
            value = combine(sign, value, term)
        return value

    def _product(self) -> tuple[Value, bool]:
        """Return a product, and whether it is a percentage and nothing else."""
        value, percent = self._signed()
        while self._is("*", "/", "//", "%") or self._is_word("mod", "of"):
            sign = {"%": "mod", "of": "*"}.get(text := self._take().text.lower(), text)
            factor, _ = self._signed()
            value, percent = combine(sign, value, factor), False
        return value, percent

    def _signed(self) -> tuple[Value, bool]:
        if not self._is("+", "-"):
            return self._power()
        sign = self._take().text
        with self._deeper():
            value, percent = self._signed()
        return (negative(value) if sign == "-" else value), percent

    def _power(self) -> tuple[Value, bool]:
        value, percent = self._with_suffix()
        if not self._is("**"):
            return value, percent
        self._take()
        with self._deeper():
            exponent, _ = self._signed()
        return combine("**", value, exponent), False

    def _with_suffix(self) -> tuple[Value, bool]:
        value = self._item()
        percent = False
        while self._is("!") or (self._is("%") and not self._a_value_follows()):
            percent = self._take().text == "%"
            number = self._number(value)
            value = checked(number / 100) if percent else factorial(number)
        return value, percent

    def _a_value_follows(self) -> bool:
        """Say whether the % here stands before a value, and so is no percent sign."""
        after = self._row[self._at + 1]
        if after.kind == "sign" and after.text in "+-":
            raise ToolError("Write mod for the rest of a division, or (10%) for a percentage.")
        is_infix = after.kind == "word" and after.text.lower() in ("of", "mod", "in", "to")
        return after.text == "(" or (after.kind not in ("sign", "end") and not is_infix)

    def _item(self) -> Value:
        token = self._take()
        match token.kind:
            case "number":
                return self._number_or_span(token)
            case "date":
                return times.parse_date(token.text)
            case "clock":
                return times.parse_clock(token.text)
            case "word":
                return self._named(token.text)
        if token.text != "(":
            self._at -= 1
            raise self._no_arithmetic()
        with self._deeper():
            value = self._sum()
        self._close()
        return value

    def _number_or_span(self, token: Token) -> Value:
        """Return a number, or with units behind it a span: 3 h 20 min is one value."""
        number = parse_number(token.text)
        unit = self._unit()
        if not unit:
            return number
        span = times.span_of(number, unit)
        while self._token.kind == "number" and self._unit(ahead=1):
            number, unit = parse_number(self._take().text), self._unit()
            span = times.added(span, times.span_of(number, unit))
        return span

    def _unit(self, ahead: int = 0) -> str:
        """Return the unit that stands here, and take it; only look if it is ahead."""
        token = self._row[min(self._at + ahead, len(self._row) - 1)]
        unit = times.unit_of(token.text) if self._now and token.kind == "word" else ""
        self._at += bool(unit) and not ahead
        return unit

    def _named(self, word: str) -> Value:
        name = word.lower()
        if self._is("("):
            return self._call(name)
        if name in CONSTANTS:
            return CONSTANTS[name]
        if self._now is not None and name in ("now", "today", "tomorrow", "yesterday"):
            days = {"tomorrow": 1, "yesterday": -1}.get(name, 0)
            moment = self._now if name == "now" else self._now.date()
            return times.later(moment, times.span_of(Fraction(days), "day"))
        raise ToolError(f"This cannot be calculated: there is nothing named {word!r}.")

    def _call(self, name: str) -> Value:
        self._take()
        arguments: list[Value] = []
        with self._deeper():
            while not self._is(")"):
                arguments.append(self._sum())
                if not self._is(","):
                    break
                self._take()
        self._close()
        if name in OF_DATES and self._now is not None:
            return self._of_dates(name, arguments)
        if name not in FUNCTIONS:
            raise ToolError(f"This cannot be calculated: there is no function {name!r}.")
        function = FUNCTIONS[name]
        if not function.least <= len(arguments) <= (function.most or len(arguments)):
            raise ToolError(f"{name} takes another number of values than {len(arguments)}.")
        result = function.call(*(self._number(value) for value in arguments))
        return checked(self._number(result))

    def _of_dates(self, name: str, arguments: list[Value]) -> Value:
        assert self._now is not None
        days = [each for each in arguments if isinstance(each, date)]
        if len(days) != len(arguments) or not 1 <= len(days) <= 2:
            raise ToolError(f"{name} takes a date such as 2026-11-22.")
        return OF_DATES[name](days[0], days[1] if len(days) == 2 else self._now.date())

    def _converted(self, value: Value) -> Value:
        self._take()
        unit = times.unit_of(self._take().text)
        if not unit or not isinstance(value, Span):
            raise ToolError("Only a span of time can be shown in a unit, such as 90 min in hours.")
        return times.shown_in(value, unit)

    def _number(self, value: Value) -> Number:
        if isinstance(value, Fraction | float):
            return value
        raise ToolError("A number is needed here, not a time or a date.")

    def _close(self) -> None:
        if not self._is(")"):
            raise self._no_arithmetic()
        self._take()

    def _deeper(self) -> _Deeper:
        return _Deeper(self)

    def _no_arithmetic(self) -> ToolError:
        return ToolError(
            f"This is no arithmetic expression, at {self._token.text!r}: {self._expression}"
        )


class _Deeper:
    """One level of nesting; too many of them are refused before Python runs out of stack."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def __enter__(self) -> None:
        self._reader._depth += 1
        if self._reader._depth > DEEPEST:
            raise ToolError(f"Expressions may nest at most {DEEPEST} operations.")

    def __exit__(self, *error: object) -> None:
        self._reader._depth -= 1
