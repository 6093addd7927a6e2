"""Counts of things that come whole: nobody buys 6.19 skeins of wool.

The thing to know: which way to round is in the verb after "how many": up for what is needed, down
for what can be had. Where the words do not say it, a broken count is no answer: the problem was
misread, or the person wants something else.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from chatapp.solving.solver import Solution

_COUNTS = re.compile(r"\bhow many\b", re.IGNORECASE)
_CLAUSE = re.compile(r"(?:(?!\b(?:if|when|while|since|because)\b)(?:[^.?!;,]|[.,](?=\d)))*", re.I)
_ELSE = re.compile(r"\b(?:how (?!many)\w+|what|which|who|where|when will)\b", re.IGNORECASE)
# Half of one of these is something. Only the noun that is counted is looked up: a litre bottle is
# a bottle, and a second-hand book a book.
_MEASURES = re.compile(
    r"times (?:as|more|less|\w+er)|seconds?|secs?|min(?:ute)?s?|hours?|hrs?|days?|weeks?|months?"
    r"|years?|percent|%|points?"
    r"|(?:kilo|centi|milli|deci|mega|giga|tera)?(?:met(?:re|er)|gram(?:me)?|lit(?:re|er)|byte|watt"
    r"|joule|calorie)s?|kilos?|k?g|[cmk]?m|[cm]?l|km/h|mph|kwh|kcal|[mgtk]b|m²|m2|miles?|yards?|yds?"
    r"|feet|foot|ft|inch(?:es)?|acres?|hectares?|degrees?|ounces?|oz|lbs?|tonn?e?s?|tons?|gallons?"
    r"|quarts?|pints?|cups?|(?:table|tea)spoons?|tbsp|tsp|dollars?|cents?|euros?|pounds?|quid|bucks"
    r"|francs?|pesos?|yen|yuan|rupees?|kron(?:a|or|er)|crowns?|dirhams?|reais|zloty",
    re.IGNORECASE,
)
_WHO = r"(?:(?:the|my|our) )?[a-z]+"
_FETCH = r"(?:buy|order|book|hire|rent|bring|pick up|call)"
_NEEDED = re.compile(
    rf"\b(?:(?:do|does|will|would|'ll) {_WHO} (?:all |still |then |now |actually |really )?"
    rf"(?:need|have to|require|{_FETCH})|(?:should|must|shall) {_WHO} \w+"
    rf"|(?:will|does|would) (?:it|that|this) take"
    rf"|{_WHO} (?:need|needs|must|(?:have|has) to)"
    rf"|(?:are|is|be) (?:needed|required|necessary)|needed|required|to {_FETCH})\b",
    re.IGNORECASE,
)
_HAD = re.compile(
    r"\b(?:can|could)(?!['’]?t\b|not\b)\b|\b(?:able to|afford)\b"
    r"|\bget (?:\w+ ){0,3}?(?:out of|from)\b",
    re.IGNORECASE,
)
_NOUN_ENDS = re.compile(r"\b(?:of|in|per|for|do|does|will|is|are|was|were|did)\b", re.I)
_FULL = re.compile(r"(?:full|whole|complete|entire)\b", re.IGNORECASE)
_EACH = re.compile(
    r"\b(?:do|does|will|would|did) (?:each|every|everyone|everybody|one)\b|\bon average\b", re.I
)
_RATE = re.compile(r"\b(?:apiece|for (?:each|every)\b.*|per \w+)\W*$", re.IGNORECASE)
_LASTS = re.compile(
    r"\b(?:after|in) how many (?:days|nights|weeks|months|years)\b.*\b(?:can|could|will|has|have)\b"
    r"|\bhow many (?:days|nights|evenings|mornings|weeks|months)\b.*\b(?:until|till)\b",
    re.IGNORECASE,
)


def whole(problem: str, solution: Solution) -> Solution | None:
    """Return the solution with a count of things made whole, up or down as the question wants it.

    None for a broken count that the question does not say how to round, for one below 1, and where
    things that come whole were multiplied before they were made whole.
    """
    places = [match.end() for match in _COUNTS.finditer(problem)]
    if not places:
        return solution
    rest = problem[places[-1] :]
    found = _CLAUSE.match(rest)
    clause = found[0].strip() if found else ""
    needed, had = _NEEDED.search(clause), _HAD.search(clause)
    verb = min((one.start() for one in (needed, had) if one), default=len(clause))
    broken = solution.answer.denominator > 1
    if _LASTS.search(problem):
        return _rounded(solution, up=True) if broken else solution
    shared = _EACH.search(clause) or (verb == len(clause) and _RATE.search(clause))
    if shared or _is_measured(clause[:verb]):
        return solution
    if _ELSE.search(rest):
        return None if broken else solution
    if any(_is_broken_share(line) for line in solution.lines[:-1]):
        return None
    if not broken:
        return solution
    told = needed or had or _FULL.match(clause)
    if not told or solution.answer < 1 or "÷" not in solution.lines[-1]:
        return None
    return _rounded(solution, up=bool(needed and needed.start() == verb))


def _is_measured(noun: str) -> bool:
    """Whether what is counted is a measure: the last word before "of" or "in", or of all."""
    words = _NOUN_ENDS.split(noun.strip())[0].split()
    return bool(words) and any(
        _MEASURES.fullmatch(said.strip("\"'’?")) for said in (words[-1], " ".join(words[:2]))
    )


def _is_broken_share(line: str) -> bool:
    """Whether a step divided and did not come out even."""
    outcome = line.partition("= ")[2]
    return "÷" in line and not outcome.isdigit()


def _rounded(solution: Solution, *, up: bool) -> Solution:
    answer = Fraction(math.ceil(solution.answer) if up else math.floor(solution.answer))
    line = f"whole ones only, rounded {'up' if up else 'down'}: {answer}"
    return solution._replace(
        lines=(*solution.lines, line),
        expression=f"{'ceil' if up else 'floor'}({solution.expression})",
        answer=answer,
    )
