"""Dates and languages as files state them, in the forms the index filters by.

The thing to know: nothing is guessed. What is not a date of the calendar, or no language code, is
as if it were not there.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?(?![\d])")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


def iso_date(stated: object) -> str:
    """Return "2021", "2021-03" or "2021-03-14" of what begins like that, "" of anything else."""
    if isinstance(stated, datetime):
        stated = stated.date()
    if isinstance(stated, date):
        return stated.isoformat()
    found = _DATE.match(str(stated).strip().strip("\"'"))
    if not found:
        return ""
    year, month, day = (int(part) if part else 0 for part in found.groups())
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        return ""
    parts = [f"{year:04}", f"{month:02}", f"{day:02}"]
    return "-".join(parts[: 1 + bool(month) + bool(day)])


def language_code(stated: object) -> str:
    """Return a code such as "en" or "pt-BR", "" of anything else."""
    found = _LANGUAGE.fullmatch(str(stated).strip().strip("\"'"))
    if not found:
        return ""
    language, *rest = found[0].replace("_", "-").split("-")
    return "-".join([language.lower(), *rest])


def day_of(seconds: float) -> str:
    """Return the day of a time stamp in seconds, in UTC, as files carry it; "" beyond year 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
