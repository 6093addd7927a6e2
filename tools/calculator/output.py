"""Values as text and as JSON; what is rounded or cut says so."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction

from tools.calculator.functions import Value
from tools.calculator.numbers import Number
from tools.calculator.times import DAY, Clock, Span, in_unit
from tools.protocol import Json

DIGITS = 12  # of a rounded number
_MOST_DECIMALS = 30  # an exact number with more is rounded
_LONGEST_FRACTION = 24  # characters


def format_number(value: Number) -> str:
    """Return a number: whole ones and short decimals in full, others to 12 digits."""
    if isinstance(value, Fraction):
        exact = _decimal(value)
        return exact if exact is not None else _rounded(value)
    return f"{value:.{DIGITS}g}"


def is_exact(value: Number) -> bool:
    """Say whether `format_number` shows the whole truth."""
    return isinstance(value, Fraction) and _decimal(value) is not None


def in_words(value: Value) -> str:
    """Return a value as a person reads it; what is rounded says so."""
    match value:
        case str():
            return value
        case Fraction() | float():
            return _number_in_words(value)
        case Span():
            return _span_in_words(value)
        case Clock():
            return _time_of_day(value.seconds)
        case datetime():
            return value.isoformat(sep=" ")
        case _:
            return f"{value.isoformat()} ({value:%A})"


def as_json(value: Value) -> Json:
    """Return a value with its type."""
    match value:
        case Fraction() | float():
            fraction = str(value) if isinstance(value, Fraction) else None
            return {"number": format_number(value), "fraction": fraction, "exact": is_exact(value)}
        case Span():
            return {"months": value.months, "seconds": format_number(value.seconds)}
        case Clock():
            return {"time": _time_of_day(value.seconds)}
        case date():
            return {"date": value.isoformat()}
        case _:
            return {"text": value}


def _number_in_words(value: Number) -> str:
    shown = format_number(value)
    if is_exact(value):
        return shown
    fraction = str(value) if isinstance(value, Fraction) else ""
    known = f"; exactly {fraction}" if 0 < len(fraction) <= _LONGEST_FRACTION else ""
    return f"{shown} (rounded{known})"


def _decimal(value: Fraction) -> str | None:
    """Return a fraction whose decimals end, with all of them; None for any other."""
    rest, decimals = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
            if count > _MOST_DECIMALS:
                return None
        decimals = max(decimals, count)
    if rest != 1:
        return None
    digits = str(abs(value.numerator) * 10**decimals // value.denominator).rjust(decimals + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def _rounded(value: Fraction) -> str:
    context = Context(prec=DIGITS, Emax=10_000, Emin=-10_000)
    number = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    number = number.normalize(context)
    return f"{number:f}" if -7 < number.adjusted() < DIGITS else str(number).replace("E", "e")


def _span_in_words(span: Span) -> str:
    if span.unit:
        count = in_unit(span, span.unit)
        return _counted(count, span.unit) + ("" if is_exact(count) else " (rounded)")
    sign = "-" if span.months < 0 or (not span.months and span.seconds < 0) else ""
    parts = [_counted(Fraction(n), unit) for n, unit in _months(abs(span.months)) if n]
    parts += [_counted(n, unit) for n, unit in _pieces(abs(span.seconds)) if n]
    note = "" if is_exact(span.seconds) else " (rounded)"
    return f"{sign}{' '.join(parts) or '0 seconds'}{note}"


def _months(months: int) -> list[tuple[int, str]]:
    return [(months // 12, "year"), (months % 12, "month")]


def _pieces(seconds: Fraction) -> list[tuple[Fraction, str]]:
    days, rest = divmod(seconds, DAY)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    counts = [(Fraction(days), "day"), (Fraction(hours), "hour"), (Fraction(minutes), "minute")]
    return [*counts, (rest, "second")]


def _counted(count: Fraction, unit: str) -> str:
    plural = "" if unit == "ms" or abs(count) == 1 else "s"
    return f"{format_number(count)} {unit}{plural}"


def _time_of_day(seconds: Fraction) -> str:
    minutes, rest = divmod(seconds, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{format_number(rest).rjust(2, '0')}" if rest else text
