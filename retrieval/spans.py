"""Spans of a sentence that could be a short answer, by kind: dates, numbers, names, places.

Patterns on the surface of the text; no tagger. They serve twice: to tell whether a sentence holds
the kind of thing a question asks for, and to offer candidates for the short answer.
"""

from __future__ import annotations

import re

from retrieval.question import AnswerKind
from retrieval.terms import STOP_WORDS, fold

Span = tuple[int, int]

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_YEAR = r"(?:1\d{3}|20\d{2})"
_TIME = re.compile(
    rf"\b(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? {_YEAR}|\d{{1,2}} {_MONTH},? {_YEAR}"
    rf"|{_MONTH} \d{{1,2}}\b|\d{{1,2}} {_MONTH}\b|{_MONTH},? {_YEAR}|{_YEAR}s?"
    r"|(?:\d{1,2}(?:st|nd|rd|th)|[a-z]+th|first|second|third) (?:century|millennium)"
    r"|\d{1,4} (?:BC|AD|BCE|CE)|(?:AD|BC) \d{1,4})\b"
    rf"|\b{_MONTH}\b"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
)
_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|hundred|thousand|million|billion|dozen|half|third|quarter)"
)
_UNIT = (
    r"(?:percent|per cent|%|million|billion|trillion|thousand|hundred|km|kilomet(?:er|re)s?|miles?"
    r"|met(?:er|re)s?|feet|ft|m|cm|mm|inches|kg|kilograms?|pounds?|lb|tons?|tonnes?|years?|months?"
    r"|weeks?|days?|hours?|minutes?|seconds?|square (?:miles|kilomet(?:er|re)s|met(?:er|re)s|feet)"
    r"|acres?|hectares?|dollars?|euros?|°[CF]|degrees?|mph|km/h|times)"
)
_NUMBER = re.compile(
    rf"(?:[$€£¥]\s?)?\b\d[\d,]*(?:\.\d+)?(?:\s?{_UNIT}\b|%)*"
    rf"|\b{_NUMBER_WORD}(?:[- ]{_NUMBER_WORD})*(?: {_UNIT})?\b",
    re.IGNORECASE,
)
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'’.&-]*"
_CONNECTOR = r"(?:of|the|de|la|le|du|van|von|der|den|di|da|del|al|bin|ibn|and|&|for|in)"
_NAME = re.compile(rf"\b{_CAPITAL}(?:(?: {_CONNECTOR}){{1,2}} {_CAPITAL}| {_CAPITAL})*")
_FIRST_WORD = re.compile(r"([\w'’.&-]+)\s*")
_QUOTED = re.compile(r"[\"“]([^\"“”]{2,60})[\"”]")
_REASON = re.compile(
    r"\b(?:because|due to|owing to|in order to|so that|as a result of|since)\b(.{3,})"
)


def spans_of_kind(text: str, kind: AnswerKind) -> list[Span]:
    """Return the spans of `text` that are of the kind a question asks for, in order."""
    if kind is AnswerKind.TIME:
        return [match.span() for match in _TIME.finditer(text)]
    if kind is AnswerKind.NUMBER:
        return [match.span() for match in _NUMBER.finditer(text)]
    if kind in (AnswerKind.PERSON, AnswerKind.PLACE):
        return _names(text)
    if kind is AnswerKind.REASON:
        return [match.span(1) for match in _REASON.finditer(text)]
    if kind is AnswerKind.NAME:
        return _names(text) + [match.span(1) for match in _QUOTED.finditer(text)]
    return []


def _names(text: str) -> list[Span]:
    """Return runs of capitalised words, without the article or pronoun that opens a sentence."""
    found: list[Span] = []
    for match in _NAME.finditer(text):
        start, end = _without_full_stop(text, *match.span())
        while start < end and (first := _FIRST_WORD.match(text, start, end)):
            if fold(first.group(1)) not in STOP_WORDS:
                found.append((start, end))
                break
            start = first.end()
    return found


def _without_full_stop(text: str, start: int, end: int) -> Span:
    while end > start + 1 and text[end - 1] in ".'’-&":
        end -= 1
    return start, end
