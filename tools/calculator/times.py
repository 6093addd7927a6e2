"""Spans of time, dates and times of day, and what can be done with them.

The thing to know: a span keeps months apart from seconds, because a month has no fixed length. A
date plus months stays in the month that is meant: 31 January plus 1 month is the last of February.
"""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TypeAlias

from tools.protocol import ToolError

DAY = 86_400


@dataclass(frozen=True)
class Span:
    """A length of time: whole months, and seconds. `unit` is how it was asked to be shown."""

    months: int = 0
    seconds: Fraction = Fraction(0)
    unit: str = ""


@dataclass(frozen=True)
class Clock:
    """A time of day, in seconds after midnight."""

    seconds: Fraction


# datetime is a date to Python; here it is a date with a time of day, in no zone
Moment: TypeAlias = date | Clock

_SECONDS = {
    "ms": Fraction(1, 1000),
    "second": Fraction(1),
    "minute": Fraction(60),
    "hour": Fraction(3600),
    "day": Fraction(DAY),
    "week": Fraction(7 * DAY),
}
_MONTHS = {"month": 1, "year": 12}
_SHORT = {"s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "d": "day"}
_SHORT |= {"m": "minute", "wk": "week", "w": "week", "mo": "month", "yr": "year", "y": "year"}
_SHORT |= {"millisecond": "ms"}


def unit_of(word: str) -> str:
    """Return the unit that a word names, in the singular; empty when it names none."""
    word = word.lower()
    for each in (word, word.removesuffix("s")):
        unit = _SHORT.get(each, each)
        if unit in _SECONDS or unit in _MONTHS:
            return unit
    return ""


def span_of(amount: Fraction, unit: str) -> Span:
    """Return so many units as a span. Raises ToolError: a part of a month."""
    if unit in _SECONDS:
        return Span(seconds=amount * _SECONDS[unit])
    months = amount * _MONTHS[unit]
    if months.denominator != 1:
        raise ToolError("A part of a month has no fixed length; use days.")
    return Span(months=months.numerator)


def shown_in(span: Span, unit: str) -> Span:
    """Return a span that is to be shown in one unit. Raises ToolError: it cannot be."""
    in_unit(span, unit)
    return Span(span.months, span.seconds, unit)


def in_unit(span: Span, unit: str) -> Fraction:
    """Return how many of a unit a span is. Raises ToolError: months have no fixed length."""
    if unit in _MONTHS and not span.seconds:
        return Fraction(span.months, _MONTHS[unit])
    if unit in _SECONDS and not span.months:
        return span.seconds / _SECONDS[unit]
    raise ToolError("Months and years have no fixed length in days; start from a date.")


def scaled(span: Span, factor: Fraction) -> Span:
    """Return a span so many times. Raises ToolError: a part of a month."""
    months = span.months * factor
    if months.denominator != 1:
        raise ToolError("A part of a month has no fixed length; use days.")
    return Span(months.numerator, span.seconds * factor)


def added(first: Span, second: Span) -> Span:
    """Return two spans together."""
    return Span(first.months + second.months, first.seconds + second.seconds)


def later(moment: Moment, span: Span) -> Moment:
    """Return the moment so much later. Raises ToolError: beyond the calendar."""
    if isinstance(moment, Clock):
        if span.months:
            raise ToolError("A time of day has no months; start from a date.")
        return Clock((moment.seconds + span.seconds) % DAY)
    try:
        moved = _months_later(moment, span.months)
        if not isinstance(moved, datetime) and span.seconds % DAY:
            moved = datetime(moved.year, moved.month, moved.day)
        return moved + timedelta(days=math.floor(span.seconds / DAY)) + _within_day(span.seconds)
    except (OverflowError, ValueError):
        raise ToolError("That is beyond the calendar, which has the years 1 to 9999.") from None


def _within_day(seconds: Fraction) -> timedelta:
    return timedelta(microseconds=round(seconds % DAY * 1_000_000))


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if not 1 <= year <= 9999:
        raise OverflowError
    last = calendar.monthrange(year, month + 1)[1]
    return day.replace(year=year, month=month + 1, day=min(day.day, last))


def between(start: Moment, end: Moment) -> Span:
    """Return the span from one moment to another of its kind. Raises ToolError: two kinds."""
    if isinstance(start, Clock) and isinstance(end, Clock):
        return Span(seconds=end.seconds - start.seconds)
    if isinstance(start, Clock) or isinstance(end, Clock):
        raise ToolError("A date and a time of day cannot be compared.")
    with_time = isinstance(start, datetime) or isinstance(end, datetime)
    if not with_time:
        return Span(seconds=Fraction((end - start).days * DAY))
    passed = _at_midnight(end) - _at_midnight(start)
    return Span(seconds=Fraction(passed // timedelta(microseconds=1), 1_000_000))


def _at_midnight(day: date) -> datetime:
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)


def parse_date(text: str) -> date:
    """Return 2026-11-22 as a date, 2026-11-22T14:30 as one with a time. Raises ToolError."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError as error:
        raise ToolError(f"There is no date {text}: {error}.") from None


def parse_clock(text: str) -> Clock:
    """Return 14:30 or 14:30:15 as a time of day. Raises ToolError."""
    hours, minutes, seconds = (int(part) for part in f"{text}:0".split(":")[:3])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ToolError(f"There is no time of day {text}.")
    return Clock(Fraction(hours * 3600 + minutes * 60 + seconds))


def weekday(day: date) -> str:
    """Return the name of the day of the week."""
    return calendar.day_name[day.weekday()]


def age(born: date, on: date) -> Fraction:
    """Return the full years from one day to another."""
    before_birthday = (on.month, on.day) < (born.month, born.day)
    return Fraction(on.year - born.year - before_birthday)
