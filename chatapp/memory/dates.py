"""Dates in a question, as an interval: "last week", "yesterday", "in March", "on 3 May 2026".

Only what people say about a conversation they had; the interval nudges recall, it never excludes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

Interval = tuple[datetime, datetime]

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTHS_BY_HEAD = {name[:3]: number for number, name in enumerate(_MONTHS, start=1)}
_MONTHS_BY_HEAD |= {"jän": 1, "mär": 3, "mai": 5, "okt": 10, "dez": 12}  # German ones
_DAY_OF_MONTH = re.compile(
    r"(?:\b(?P<before>\d{1,2})(?:st|nd|rd|th|\.)?(?: of)? *)?(?P<month>[^\W\d_]{3,})"
    r"(?(before)| (?:the )?(?P<after>\d{1,2})(?!\d))"
)
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_AGO = re.compile(
    r"\b(\d+|a|an|one|two|three|four|five|six|a few|a couple of) (day|week|month|year)s? ago\b"
)
_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "a few": 3,
    "a couple of": 2,
}
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_NTH = r"(?:st|nd|rd|th)?"
_DATE = re.compile(
    rf"\b(?:(\d{{1,2}}){_NTH}(?: of)? ({_MONTH})|({_MONTH}) (\d{{1,2}}){_NTH})(?:,? (\d{{4}}))?\b"
)
_IN_MONTH = re.compile(rf"\b(?:in|last|since|during) ({_MONTH})(?: (\d{{4}}))?\b")
_IN_YEAR = re.compile(r"\bin (20\d{2})\b")
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")


def interval_in(text: str, now: datetime) -> Interval | None:
    """Return the time that `text` speaks of, as [start, end) in UTC, or None."""
    text = text.lower()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return _named(text, today) or _dated(text, today)
    except (ValueError, OverflowError):  # the 31st of February, 4500 years ago
        return None


def heads_of(month: int) -> list[str]:
    """Return the first letters of a month's names: `mar` and `mär` of the third."""
    return [head for head, number in _MONTHS_BY_HEAD.items() if number == month]


def day_of_year(text: str) -> tuple[int, int, int] | None:
    """Return month, day and year (0: none) of a date that cannot be read in two ways, or None."""
    text = text.lower()
    if written := _ISO.search(text):
        year, month, day = map(int, written.groups())
        return month, day, year
    named = _DAY_OF_MONTH.search(text)
    number = _MONTHS_BY_HEAD.get(named["month"][:3]) if named else None
    if named is None or number is None:
        return None
    in_year = re.search(r"\b\d{4}\b", text)
    return number, int(named["before"] or named["after"]), int(in_year[0]) if in_year else 0


def is_a_day(text: str) -> bool:
    """Say whether a date as typed can be one: "31 February" cannot, "04/31" and "31/04" neither.

    What names no day at all ("Christmas Eve") is none of this function's business and passes.
    """
    text = text.lower()
    if named := day_of_year(text):
        return _exists(*named[:2])
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if len(numbers) >= 2 and re.search(r"\d\s*[./]\s*\d", text):
        return _exists(numbers[1], numbers[0]) or _exists(numbers[0], numbers[1])
    return True


def _exists(month: int, day: int) -> bool:
    try:
        datetime(2024, month, day)  # a leap year: someone is born on 29 February
    except ValueError:
        return False
    return True


def _named(text: str, today: datetime) -> Interval | None:
    day = timedelta(days=1)
    week = today - today.weekday() * day
    named = {
        "today": (today, today + day),
        "yesterday": (today - day, today),
        "last night": (today - day, today),
        "the other day": (today - 7 * day, today + day),
        "this week": (week, today + day),
        "last week": (week - 7 * day, week),
        "last weekend": (week - 2 * day, week),
        "this month": (today.replace(day=1), today + day),
        "last month": ((today.replace(day=1) - day).replace(day=1), today.replace(day=1)),
        "this year": (today.replace(month=1, day=1), today + day),
        "last year": (
            today.replace(year=today.year - 1, month=1, day=1),
            today.replace(month=1, day=1),
        ),
    }
    for words, interval in named.items():
        if re.search(rf"\b{words}\b", text):
            return interval
    for number, name in enumerate(_WEEKDAYS):
        if re.search(rf"\b(?:on|last) {name}\b", text):
            back = (today.weekday() - number) % 7 or 7
            return today - back * day, today - (back - 1) * day
    if found := _AGO.search(text):
        count = _NUMBERS.get(found[1]) or int(found[1])
        unit = _DAYS[found[2]]
        middle = today - timedelta(days=count * unit)
        slack = timedelta(days=max(1, unit // 2))
        return middle - slack, middle + slack + day
    return None


def _dated(text: str, today: datetime) -> Interval | None:
    if found := _ISO.search(text):
        start = datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
        return start, start + timedelta(days=1)
    if found := _DATE.search(text):
        month, day = _month(found[2] or found[3]), int(found[1] or found[4])
        start = _latest(int(found[5]) if found[5] else None, month, day, today)
        return start, start + timedelta(days=1)
    if found := _IN_MONTH.search(text):
        start = _latest(int(found[2]) if found[2] else None, _month(found[1]), 1, today)
        return start, (start + timedelta(days=32)).replace(day=1)
    if found := _IN_YEAR.search(text):
        return datetime(int(found[1]), 1, 1, tzinfo=UTC), datetime(
            int(found[1]) + 1, 1, 1, tzinfo=UTC
        )
    return None


def _month(name: str) -> int:
    return next(n for n, month in enumerate(_MONTHS, start=1) if month.startswith(name))


def _latest(year: int | None, month: int, day: int, today: datetime) -> datetime:
    """A date without a year is the last one that was."""
    if year is not None:
        return datetime(year, month, day, tzinfo=UTC)
    start = datetime(today.year, month, day, tzinfo=UTC)
    return start if start <= today else start.replace(year=today.year - 1)
