"""Sums in words and signs: the expression that a whole message asks to have calculated, if any.

The thing to know: whether an expression means something is for the calculator to say. The rules
here only tell a sum from a date, a phone number, or a question that has numbers in it.
"""

from __future__ import annotations

import re
from datetime import datetime

from tools.calculator import evaluate
from tools.protocol import ToolError

POLITE = r"(?:(?:please|can you|could you|hey|ok|so|and)[, ]+)*"

_ASKS = re.compile(
    rf"{POLITE}(?:(?P<lead>what(?:'s| is| are| does)|how much (?:is|are|does)|calculate|compute"
    r"|evaluate|work out|solve|convert)\b\s*:?)?"
    r"\s*(?P<expression>.+?)\s*(?P<equals>(?:equals?|make)?\s*=?\s*)[?.!]*",
    re.IGNORECASE,
)
_UNIT = (
    r"(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?|mo|months?|y|yrs?"
    r"|years?)\b"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"\d{4}-\d\d-\d\d"  # any other form was rewritten before
_SPAN = rf"\d+(?:\.\d+)? ?{_UNIT}"


def _rule(pattern: str, result: str) -> tuple[re.Pattern[str], str]:
    return re.compile(pattern, re.IGNORECASE), result


# Questions about times, as the sum that answers them.
_WHICH_DAY = r"(?:what|which) (?:(?:is|was) the (?:date|day)|(?:date|day) (?:is|was)(?: it)?)"
_COUNT = r"how many (days|weeks)(?: are| is| have| has)?(?: left| there| it| passed| been)*"
_QUESTIONS = [
    _rule(rf"how many ({_UNIT}) (?:are |is )?(?:there )?in (?:an? )?({_SPAN})", r"\2 in \1"),
    _rule(rf"{_COUNT} (?:until|till|to) ({_DAY})", r"\2 - today in \1"),
    _rule(rf"{_COUNT} since ({_DAY})", r"today - \2 in \1"),
    _rule(rf"{_COUNT} between ({_DAY}) and ({_DAY})", r"\3 - \2 in \1"),
    _rule(rf"{_WHICH_DAY} ({_SPAN}) from (?:now|today)", r"today + \1"),
    _rule(rf"{_WHICH_DAY} in ({_SPAN})", r"today + \1"),
    _rule(rf"{_WHICH_DAY} ({_SPAN}) ago", r"today - \1"),
]
_WORDS = [
    _rule(r"\bto the power of\b", "^"),
    _rule(r"\b(?:multiplied by|times)\b|(?<=\d) ?x ?(?=\d)", "*"),
    _rule(r"\bdivided by\b", "/"),
    _rule(r"\bplus\b", "+"),
    _rule(r"\bminus\b", "-"),
    _rule(r"(?<=[\d)])\s*squared\b", "^2"),
    _rule(r"(?<=[\d)])\s*cubed\b", "^3"),
    _rule(r"\b(?:the )?square root of (\d+(?:\.\d+)?)", r"sqrt(\1)"),
    _rule(r"(?<=\d)\s*(?:%|percent) of (?=[\d(])", "% of "),
    _rule(r"(?<=\d),(?=\d{3}\b)", ""),
]

_NAMES = r"(?:abs|cos|exp|ln|log10|log2|log|max|min|round|sin|sqrt|tan|pi|tau|e)\b"
_SIGNS = r"[-+*/×÷·−–^%(),!]"
_NUMBER = r"\d+(?:\.\d+)?|\.\d+"
_SUM = re.compile(rf"(?:{_NUMBER}|{_NAMES}|of\b|{_SIGNS}|\s)+")
_OPERATION = re.compile(
    rf"(?:\d|\b{_NAMES})\s*[)!]*\s*(?:[-+*/×÷·−–^%]+|% of)\s*[-(]*\s*(?:\d|\.|{_NAMES})"
    r"|\b[a-z]+\d*\(|\d!"
)
_TIMES = re.compile(
    rf"(?:\d{{4}}-\d\d-\d\d|\d\d?:\d\d|{_NUMBER}|{_UNIT}|(?:today|now|in|to)\b|[-+*/()]|\s)+",
    re.IGNORECASE,
)
_WITH_TIMES = re.compile(rf"\d ?{_UNIT}|\d-\d\d\b|\d:\d\d|\b(?:today|now)\b", re.IGNORECASE)
_TIME_OPERATION = re.compile(rf" [-+*/] |{_UNIT}\s+(?:in|to)\s+{_UNIT}", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?/\d\d?/\d{2,4}")
# A phone number, a score or a turn of phrase, unless somebody asks to calculate it.
_NOT_A_SUM = re.compile(r"\+?[\d./–-]+")
_SAYINGS = {"9/11", "24/7", "50/50", "7/7", "80/20"}


def expression_in(message: str) -> str | None:
    """Return the expression that a message asks to have calculated; None when it asks for none.

    Sums that the calculator refuses, such as a division by zero, are sums all the same.
    """
    message = _WRITTEN.sub(_iso, message)
    for pattern, result in _QUESTIONS:
        if found := pattern.fullmatch(message.strip(" ?.!")):
            return _meaningful(found.expand(result))
    asked = _ASKS.fullmatch(message)
    if asked is None:
        return None
    typed = expression = asked["expression"].strip()
    for pattern, result in _WORDS:
        expression = pattern.sub(result, expression)
    if _WITH_TIMES.search(expression) and _TIMES.fullmatch(expression):
        return _meaningful(expression) if _TIME_OPERATION.search(expression) else None
    if not (_SUM.fullmatch(expression) and _OPERATION.search(expression)):
        return None
    asks = asked["lead"] or asked["equals"]
    if typed in _SAYINGS or _DATE.fullmatch(typed) or (_NOT_A_SUM.fullmatch(typed) and not asks):
        return None
    return expression


_ORDINAL = r"(?:st|nd|rd|th)?"
_WRITTEN = re.compile(
    rf"(?:(?P<d1>\d{{1,2}}){_ORDINAL}(?: of)? (?P<m1>{_MONTH})"
    rf"|(?P<m2>{_MONTH}) (?P<d2>\d{{1,2}}){_ORDINAL}),? (?P<year>\d{{4}})\b",
    re.IGNORECASE,
)


def _iso(found: re.Match[str]) -> str:
    """Return a date such as "24 December 2026" as 2026-12-24."""
    month = _MONTHS.index((found["m1"] or found["m2"])[:3].lower()) + 1
    return f"{found['year']}-{month:02d}-{int(found['d1'] or found['d2']):02d}"


def _meaningful(expression: str) -> str | None:
    """Return an expression of times if the calculator can read it; words are easily mistaken."""
    try:
        evaluate(expression, datetime(2000, 1, 1))
    except ToolError:
        return None
    return expression
