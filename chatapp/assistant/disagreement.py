"""Whether two short answers to one question cannot both be right.

Only what is plainly another value of the kind asked for counts: a disagreement that is none would
make a good source look bad. Where the rules do not know, the answers are taken to agree. Most false
alarms are answers that are both true: one of the beginning and one of the end, of other years, of
another thing with the same name, or of a place that lies in the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.question import AnswerKind

_SEVERAL = re.compile(
    r"\b(?:who|what|which|where) (?:are|were|all)\b"
    r"|\b(?:some|several|examples?|members|list|names of|all the|any|other|kinds?|types?)\b"
    r"|\bwhich \w+s (?:are|were|did|do|have)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """A short answer, the sentence that it stands in, and the title of its document."""

    answer: str
    sentence: str
    title: str = ""


def asks_for_several(question: str) -> bool:
    """Return whether a question may have several right answers ("Who are the members of …")."""
    return bool(_SEVERAL.search(question))


def disagree(question: str, one: Claim, other: Claim) -> bool:
    """Return whether two claims answer the question in ways that exclude each other."""
    from retrieval.question import AnswerKind, analyse

    asked = analyse(question)
    if _of_namesakes(asked.names, one, other):
        return False
    if asked.kind is AnswerKind.TIME:
        comparable = not _AGAIN.search(question) and _same_end(question, one, other)
        return comparable and conflict(asked.kind, one.answer, other.answer)
    if _of_other_times(question, asked.kind, one, other):
        return False
    if asked.kind is AnswerKind.NUMBER and not _comparable(one, other):
        return False
    if asked.kind is AnswerKind.PLACE and not _LEVEL.search(question):
        return False  # one place may lie in the other, and nothing here knows
    return conflict(asked.kind, one.answer, other.answer)


def conflict(kind: AnswerKind, one: str, other: str) -> bool:
    """Return whether two short answers of a kind are two values, whatever their sentences say.

    "1912" and "15 April 1912" are not, nor are "Leonardo" and "Leonardo da Vinci". Two numbers
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
    first, second = ([int(year) for year in _YEAR.findall(text)] for text in (one, other))
    if not first or not second:
        return False  # a century against a year: nobody knows
    if max(first) < min(second) or max(second) < min(first):
        return True
    if len({*first, *second}) > 1:
        return False  # within a stretch of years
    for pattern in (_MONTH, _DAY):
        parts = [{found.lower() for found in pattern.findall(text)} for text in (one, other)]
        if all(parts) and not parts[0] & parts[1]:
            return True
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


_ALIKE = 0.75  # of two words: Munich and München, Dvorak and Dvořák are one
_BEFORE_A_NAME = re.compile(r"(?:(?:the|an?|in|at|by|near|on) )*", re.IGNORECASE)


def _names_differ(one: str, other: str) -> bool:
    first, second = _name_words(one), _name_words(other)
    if not first or not second or _abbreviates(first, second) or _abbreviates(second, first):
        return False
    return not any(SequenceMatcher(None, a, b).ratio() >= _ALIKE for a in first for b in second)


def _name_words(answer: str) -> list[str]:
    """Return the words of an answer that is a name and nothing else; "the Roman army" is none."""
    from retrieval.question import AnswerKind
    from retrieval.spans import spans_of_kind
    from retrieval.terms import content_words

    spans = spans_of_kind(answer, AnswerKind.PERSON)
    if len(spans) != 1 or spans[0][1] < len(answer.rstrip(" .")):
        return []
    before = answer[: spans[0][0]]
    return content_words(answer[slice(*spans[0])]) if _BEFORE_A_NAME.fullmatch(before) else []


def _abbreviates(short: list[str], long: list[str]) -> bool:
    """Whether one word is made of the first letters of the others, as USA of United States."""
    initials = "".join(word[0] for word in long)
    letters = "".join(short)
    return len(initials) > 1 and len(letters) < 5 and letters.startswith(initials)


# What happens more than once, each time at another time.
_AGAIN = re.compile(
    r"\b(?:win|won|held|hold|host\w*|visit\w*|play\w*|tour\w*|compet\w*|meet|met|scor\w*)\b",
    re.IGNORECASE,
)
_BEGINS = r"begin|began|begun|start\w*|commence\w*|laid"
_ENDS = r"complet\w*|finish\w*|end|ended|closed"
_ASPECT = re.compile(rf"\b(?:{_BEGINS}|{_ENDS})\b", re.IGNORECASE)
_JUST_BEFORE = r"\b(?:{words})\s+(?:[a-z]+\s+)?$"
_ENDPOINTS = (
    ("from", _JUST_BEFORE.format(words="from|since|after"), rf"\b(?:{_BEGINS})\b"),
    ("to", _JUST_BEFORE.format(words="until|till|to|by|before"), rf"\b(?:{_ENDS})\b"),
)
_NEARBY = 25  # characters before a date, in which a word still speaks of it


def _same_end(question: str, one: Claim, other: Claim) -> bool:
    """Whether both tell the beginning, or the end, or neither: "from 1248" is not "until 1880".

    Where the question itself asks for a beginning or an end, both are taken to tell it.
    """
    return bool(_ASPECT.search(question)) or _end_told(one) == _end_told(other)


def _end_told(claim: Claim) -> str:
    before = claim.sentence.partition(claim.answer)[0][-_NEARBY:].lower()
    for end, *ways in _ENDPOINTS:
        if any(re.search(words, before) for words in ways):
            return end
    return ""


_LEVEL = re.compile(
    r"\b(?:what|which) (?:\w+ )?(?:country|city|town|state|continent|county|province|village"
    r"|capital|island|river)\b",
    re.IGNORECASE,
)
_AT_LEAST = r"(?:more than|over|at least|up to|at most|less than|fewer than|under|almost|nearly)"
_BOUND = re.compile(rf"^{_AT_LEAST}\b|\b{_AT_LEAST}\s*$", re.IGNORECASE)


_COUNTED = re.compile(r"\s+([^\W\d_]+)")


def _comparable(one: Claim, other: Claim) -> bool:
    """Whether two numbers are exact and count the same: "25 teachers" says nothing of pupils."""
    counted: list[str] = []
    for claim in (one, other):
        before, _, behind = claim.sentence.partition(claim.answer)
        if any(_BOUND.search(text) for text in (claim.answer, before[-_NEARBY:])):
            return False
        found = _COUNTED.match(behind)
        counted.append(found[1].lower() if found else "")
    first, second = counted
    alike = SequenceMatcher(None, first, second).ratio() >= _ALIKE
    return alike or not (first and second)


# What is done once for all; whatever else is asked may be another next year.
_ONCE = re.compile(
    r"\b(?:invent|discover|found|wr[io]te|writ|paint|buil[dt]|design|compos|creat|made|open|name"
    r"|kill|murder|bear|born|first)\w*",
    re.IGNORECASE,
)
_PERIOD = re.compile(r"\b(?:from|since|until|between)\b|\d{4} ?[–—-] ?\d", re.IGNORECASE)
_PRESENT = re.compile(r"\b(?:is|are|has|have)\b", re.IGNORECASE)
_PAST = re.compile(r"\b(?:was|were|had)\b", re.IGNORECASE)


def _of_other_times(question: str, kind: AnswerKind, one: Claim, other: Claim) -> bool:
    """Whether two claims of what changes with the years speak of different years."""
    from retrieval.question import AnswerKind

    rest = [claim.sentence.replace(claim.answer, " ") for claim in (one, other)]
    changes = kind is AnswerKind.NUMBER or not _ONCE.search(question)
    first, second = (set(_YEAR.findall(text)) for text in rest)
    if first and second:
        lasting = changes or any(_PERIOD.search(text) for text in rest)
        return lasting and not first & second
    tenses = [(bool(_PRESENT.search(text)), bool(_PAST.search(text))) for text in rest]
    return changes and sorted(tenses) == [(False, True), (True, False)]


def _of_namesakes(names: tuple[str, ...], one: Claim, other: Claim) -> bool:
    """Whether they speak of two things of one name: "Millbrook in Ohio", "Millbrook in Kent"."""
    for name in names:
        subject = rf"\b{re.escape(name)}(?:['’]s [a-z]+)?"
        which = re.compile(rf"(?i:{subject}(?:, | in | of | near | \())([A-Z]\w+)")
        first, second = (
            set(which.findall(f"{claim.title}\n{claim.sentence}")) for claim in (one, other)
        )
        if first and second and not first & second:
            return True
    return False
