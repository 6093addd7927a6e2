"""Counts of things that come whole: nobody buys 6.19 skeins of wool.

The thing to know: how to round is in the words of the question. Where they do not say it, a broken
count of whole things means that the problem was misread, and is no answer.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Literal

from chatapp.solving.solver import Solution

_COUNTS = re.compile(r"\bhow many\b(?P<asked>[^.?!;]*)", re.IGNORECASE)
# What is measured, not counted: half of one is something.
_MEASURES = re.compile(
    r"(?:(?:more|extra|square|cubic|whole|total|of)\W+)*(?:seconds?|secs?|min(?:ute)?s?|hours?|hrs?"
    r"|days?|weeks?|months?|years?|times (?:as|more|less|\w+er)|dollars?|cents?|euros?|pounds?|quid"
    r"|percent(?:age points)?|per ?cent"
    r"|(?:kilo|centi|milli|deci)?(?:met(?:re|er)|gram(?:me)?|lit(?:re|er)|byte|watt)s?"
    r"|kilos?|k?g|[cmk]?m|[cm]?l|km/h|mph|kwh|miles?|yards?|yds?|feet|foot|ft|inch(?:es)?|in|acres?"
    r"|hectares?|degrees?|ounces?|oz|lbs?|stones?|tonn?e?s?|tons?|gallons?|quarts?|pints?|cups?"
    r"|(?:table|tea)spoons?|tbsp|tsp|calories|kcal|[mgtk]b|points?|portions?|servings?)\b",
    re.IGNORECASE,
)
_SHARED = re.compile(r"\b(?:each|every|per|a(?:n)? (?:hour|day|week|month|year)|average)\b", re.I)
_FULL = re.compile(r"\b(?:full|fully|whole|complete|completely|entire|right up)\b", re.I)
_NEEDED = re.compile(
    r"\b(?:need|needs|needed|must|(?:have|has|got|going) to|should|shall|required?|requires"
    r"|minimum|at least)\b",
    re.IGNORECASE,
)
_HAD = re.compile(
    r"\b(?:can|could|able|afford|fits?|left over|out of|(?:do|does|will|would) \w+ (?:get|have))\b",
    re.IGNORECASE,
)
_TAKEN = re.compile(
    r"\b(?:buy|order|hire|rent|book|pack|bring|pick up|call|trips?|journeys?|rounds|runs)\b", re.I
)
_LASTS = re.compile(
    r"\bafter how many\b"
    r"|\bhow many (?:nights|evenings|mornings|days|weeks|months)\b.*\b(?:until|till"
    r"|before|to (?:finish|save|reach))\b",
    re.IGNORECASE,
)
_SHORT = 3  # words: "how many boxes?" leaves the rest to the sentence before


def whole(problem: str, solution: Solution) -> Solution | None:
    """Return the solution with a count of things made whole, up or down as the question wants it.

    None for a broken count that the question does not say how to round, and for one below 1.
    """
    asked = [match["asked"].strip() for match in _COUNTS.finditer(problem)]
    if solution.answer.denominator == 1 or not asked:
        return solution
    up = bool(_LASTS.search(problem))
    if not up:
        if _MEASURES.match(asked[-1]) or _SHARED.search(asked[-1].partition(",")[0]):
            return solution
        said = problem if len(asked[-1].split()) <= _SHORT else asked[-1]
        way = _way(said)
        if way is None:
            return None
        up = way == "up"
    if solution.answer < 1:
        return None
    answer = Fraction(math.ceil(solution.answer) if up else math.floor(solution.answer))
    return solution._replace(
        lines=(
            *solution.lines,
            f"whole ones only, rounded {'up' if up else 'down'}: {answer}",
        ),
        expression=f"{'ceil' if up else 'floor'}({solution.expression})",
        answer=answer,
    )


def _way(said: str) -> Literal["up", "down"] | None:
    """Return which way the words round, those that leave the least doubt first."""
    if _FULL.search(said):
        return "down"
    if _NEEDED.search(said):
        return "up"
    if _HAD.search(said):
        return "down"
    return "up" if _TAKEN.search(said) else None
