"""Questions that a paragraph looks as if it answered: one thing in an answerable one is changed.

The thing to know: these are the turns of SQuAD 2.0 (Rajpurkar et al. 2018) that need no person:
another name or number of the same paragraph, an opposite, a negation. A few stay answerable.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_PAIRS = """
first last; before after; largest smallest; most least; more fewer; north south; northern southern;
east west; eastern western; increase decrease; increased decreased; highest lowest; higher lower;
oldest youngest; begin end; began ended; start stop; started stopped; win lose; won lost; male
female; men women; early late; earliest latest; always never; above below; maximum minimum; major
minor; public private; allowed forbidden; accepted rejected; include exclude; included excluded;
same different; large small; long short; old new; good bad; best worst; strong weak; rich poor;
father mother; son daughter; brother sister; husband wife; king queen; built destroyed; founded
dissolved; joined left; buy sell; bought sold; gained lost; support oppose; supported opposed; open
close; opened closed; directly indirectly; possible impossible; similar unlike; modern ancient
"""
_OPPOSITES = {
    one: other
    for pair in " ".join(_PAIRS.split()).split("; ")
    for one, other in (pair.split(), pair.split()[::-1])
}
_WORD = re.compile(r"[a-z]+")
_NEGATED = {
    verb: f"{verb}n't" for verb in ("did", "was", "is", "were", "are", "does", "has", "had")
}


def turned(question: str, context: str, answers: Sequence[str], order: random.Random) -> str | None:
    """Return `question` with one thing changed so that `context` should not answer it any more."""
    ways = [
        *_replaced(question, context, answers, _NAME, order),
        *_replaced(question, context, answers, _NUMBER, order),
        *_exchanged(question, _OPPOSITES),
    ]
    if not ways or order.random() < 0.1:
        ways += _exchanged(question, _NEGATED)
    return order.choice(ways) if ways else None


def _replaced(
    question: str,
    context: str,
    answers: Sequence[str],
    kind: re.Pattern[str],
    order: random.Random,
) -> list[str]:
    """Return the question with one of its names or numbers replaced by another of the context."""
    asked = [match.span() for match in kind.finditer(question)]
    others = sorted(
        other
        for other in set(kind.findall(context))
        if other not in question and not any(other in answer for answer in answers)
    )
    if not asked or not others:
        return []
    begin, end = order.choice(asked)
    return [question[:begin] + order.choice(others) + question[end:]]


def _exchanged(question: str, words: dict[str, str]) -> list[str]:
    """Return the question with one of its words exchanged, once for every such word."""
    return [
        question[: match.start()] + words[match.group()] + question[match.end() :]
        for match in _WORD.finditer(question)
        if match.group() in words
    ]
