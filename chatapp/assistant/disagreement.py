"""Whether two short answers to one question cannot both be right.

Only what is plainly another value counts: a disagreement that is none would make a good source look
bad. Where the rules do not know, the answers are taken to agree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.question import AnswerKind

_SEVERAL = re.compile(
    r"\b(?:who|what|which|where) (?:are|were|all)\b"
    r"|\b(?:some|several|examples?|members|list|names of|all the|any|other|kinds?|types?)\b"
    r"|\bwhich \w+s (?:are|were|did|do|have)\b",
    re.IGNORECASE,
)


def asks_for_several(question: str) -> bool:
    """Return whether a question may have several right answers ("Who are the members of …")."""
    return bool(_SEVERAL.search(question))


def conflict(kind: AnswerKind, one: str, other: str) -> bool:
    """Return whether two short answers of a kind cannot both be right.

    "1912" and "15 April 1912" can, and so can "Leonardo" and "Leonardo da Vinci". Two numbers
    of which one may be of something else (other units) are not held against each other.
    """
    from retrieval.question import AnswerKind

    match kind:
        case AnswerKind.TIME:
            return _times_differ(one, other)
        case AnswerKind.NUMBER:
            return _numbers_differ(one, other)
        case AnswerKind.PERSON | AnswerKind.PLACE:
            return _names_differ(one, other)
        case _:
            return False


_YEAR = re.compile(r"\b(?:1\d{3}|20\d{2})\b(?!s)")
_MONTH = re.compile(r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_DAY = re.compile(r"\b([0-3]?\d)(?:st|nd|rd|th)?\b(?!\d)")


def _times_differ(one: str, other: str) -> bool:
    for pattern in (_YEAR, _MONTH, _DAY):
        first = {found.lower() for found in pattern.findall(one)}
        second = {found.lower() for found in pattern.findall(other)}
        if first and second:
            if not first & second:
                return True
        elif pattern is _YEAR:
            return False  # a century against a year: nobody knows
    return False


_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_CLOSE = 0.05  # sources round differently


def _numbers_differ(one: str, other: str) -> bool:
    first, second = (_NUMBER.findall(text) for text in (one, other))
    units = [re.sub(r"[^a-z%$€£¥°]+", " ", text.lower()).split() for text in (one, other)]
    if len(first) != 1 or len(second) != 1 or units[0] != units[1]:
        return False
    a, b = (float(number.replace(",", "")) for number in (first[0], second[0]))
    return abs(a - b) > _CLOSE * max(abs(a), abs(b))


def _names_differ(one: str, other: str) -> bool:
    from retrieval.terms import content_words

    first, second = set(content_words(one)), set(content_words(other))
    return not first & second
