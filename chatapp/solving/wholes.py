"""Counts of things that come whole: nobody buys 6.19 skeins of wool.

The thing to know: how to round is in the words of the question. Where they do not say it, a broken
count of whole things means that the problem was misread, and is no answer.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from chatapp.solving.solver import Solution

_COUNTS = re.compile(r"\bhow many\b(?P<asked>[^.?!;]*)", re.IGNORECASE)
# What is measured, not counted: half of one is something.
_MEASURES = re.compile(
    r"(?:(?:more|extra|square|cubic|whole|total|of)\W+)*(?:seconds?|secs?|min(?:ute)?s?|hours?|hrs?|days?|weeks?"
    r"|months?|years?|times|dollars?|cents?|euros?|pounds?|quid|percent(?:age points)?|per ?cent"
    r"|(?:kilo|centi|milli|deci)?(?:met(?:re|er)|gram(?:me)?|lit(?:re|er)|byte|watt)s?"
    r"|kilos?|k?g|[cmk]?m|[cm]?l|km/h|mph|kwh|miles?|yards?|yds?|feet|foot|ft|inch(?:es)?|in|acres?"
    r"|hectares?|degrees?|ounces?|oz|lbs?|stones?|tonn?e?s?|tons?|gallons?|quarts?|pints?|cups?"
    r"|(?:table|tea)spoons?|tbsp|tsp|calories|kcal|[mgtk]b|points?|portions?|servings?)\b",
    re.IGNORECASE,
)
_SHARED = re.compile(r"\b(?:each|every|per|a(?:n)? (?:hour|day|week|month|year)|average)\b", re.I)
_DOWN = re.compile(
    r"\b(?:can|could|able|afford|full|whole|complete|entire|fit|fits|left over|out of)\b", re.I
)
_UP = re.compile(
    r"\b(?:need|needs|needed|must|have to|has to|should|shall|required|requires?|buy|order|hire"
    r"|rent|book|pack|get|bring|minimum|at least|trips?|journeys?)\b",
    re.IGNORECASE,
)


def whole(problem: str, solution: Solution) -> Solution | None:
    """Return the solution with a count of things made whole, up or down as the question wants it.

    None for a broken count that the question does not say how to round, and for one below 1.
    """
    asked = [match["asked"].strip() for match in _COUNTS.finditer(problem)]
    if solution.answer.denominator == 1 or not asked:
        return solution
    if _MEASURES.match(asked[-1]) or _SHARED.search(asked[-1].partition(",")[0]):
        return solution
    down = _DOWN.search(asked[-1])
    if solution.answer < 1 or not (down or _UP.search(asked[-1])):
        return None
    name, way = ("floor", math.floor) if down else ("ceil", math.ceil)
    answer = Fraction(way(solution.answer))
    line = f"whole ones only, rounded {'down' if down else 'up'}: {answer}"
    return solution._replace(
        lines=(*solution.lines, line),
        expression=f"{name}({solution.expression})",
        answer=answer,
    )
