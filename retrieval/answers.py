"""The span of a quote that answers: the reader's, or without one that of rules by question kind.

The thing to know: when the rules are unsure the whole quote is the answer; a wrong short answer is
worse than a long right one.
"""

from __future__ import annotations

import re

from retrieval.question import AnswerKind, Question, analyse, says_more
from retrieval.spans import Span, spans_of_kind
from retrieval.terms import STOP_WORDS, fold
from retrieval.types import Quote

_TOKEN = re.compile(r"[^\W_]+(?:[-'’.,/–][^\W_]+)*|\S")
# Where a phrase ends, besides at punctuation: verbs of being, conjunctions, relative words and the
# prepositions that open a new phrase ("of" and "the" stay inside one).
_BREAK_WORDS = """
is are was were be been being has have had do does did and or but that which who whom whose when
where while because as by in on at from to with for into than during after before since until if
it they he she this these those also not can could will would may might must should such
"""
_BREAKS = frozenset(_BREAK_WORDS.split())
_CURRENCY = frozenset("$€£¥%")
_LONG_ANSWERS = (AnswerKind.MANNER, AnswerKind.REASON, AnswerKind.TIME)
_MOST_WORDS = 8
_EDGES = " ,;:."
_SAME_STEM = 5  # words that share this many first letters are taken for forms of one word


def short_answer(question: str, quote: Quote) -> str:
    """Return the span of `quote` that answers `question`, the whole quote if unsure.

    Where a reader chose the quote, that is the span it pointed at; else rules look for one.
    """
    if quote.answer:
        return quote.answer.strip(_EDGES)
    asked = analyse(question)
    spans = spans_of_kind(quote.text, asked.kind)
    if not spans and asked.kind not in _LONG_ANSWERS:
        spans = _phrases(asked, quote.text)
    spans = [span for span in spans if says_more(asked, quote.text[slice(*span)])]
    if not spans:
        return quote.text
    start, end = min(spans, key=lambda span: _distance(asked, quote.text, span))
    return quote.text[start:end].strip(_EDGES)


def _phrases(asked: Question, text: str) -> list[Span]:
    """Return the runs of words between punctuation, the question's own words and phrase ends."""
    said = {word[:_SAME_STEM] for word in asked.words}
    runs: list[list[Span]] = [[]]
    for match in _TOKEN.finditer(text):
        word = fold(match.group())
        breaks = word in _BREAKS or word[:_SAME_STEM] in said or not word[:1].isalnum()
        if breaks and word not in _CURRENCY:
            runs.append([])
        else:
            runs[-1].append(match.span())
    spans = []
    for run in runs:
        while run and fold(text[slice(*run[0])]) in STOP_WORDS:
            del run[0]
        if 0 < len(run) <= _MOST_WORDS:
            spans.append((run[0][0], run[-1][1]))
    return spans


def _distance(asked: Question, text: str, span: Span) -> float:
    """Return the mean distance in characters from the span to the question's words."""
    lowered = text.lower()
    places = [place for word in asked.words if (place := lowered.find(word[:_SAME_STEM])) >= 0]
    middle = sum(span) / 2
    return sum(abs(place - middle) for place in places) / max(1, len(places))
