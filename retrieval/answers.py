"""The span of a quote that answers: rules by question kind, no model and no pretence of one.

The thing to know: when the rules are unsure the whole quote is the answer; a wrong short answer is
worse than a long right one.
"""

from __future__ import annotations

from retrieval.question import Question, analyse
from retrieval.spans import Span, spans_of_kind
from retrieval.terms import fold, words
from retrieval.types import Quote


def short_answer(question: str, quote: Quote) -> str:
    """Return the span of `quote` that answers `question`, the whole quote if unsure."""
    asked = analyse(question)
    candidates = [
        span for span in spans_of_kind(quote.text, asked.kind) if _is_new(asked, quote.text, span)
    ]
    if not candidates:
        return quote.text
    start, end = min(candidates, key=lambda span: _distance(asked, quote.text, span))
    return quote.text[start:end].strip(" ,;:")


def _is_new(asked: Question, text: str, span: Span) -> bool:
    said = frozenset(asked.words)
    return not said.issuperset(fold(word) for word in words(text[slice(*span)]))


def _distance(asked: Question, text: str, span: Span) -> float:
    """Return the mean distance in characters from the span to the question's words."""
    lowered = text.lower()
    places = [place for word in asked.words if (place := lowered.find(word)) >= 0]
    middle = sum(span) / 2
    return sum(abs(place - middle) for place in places) / max(1, len(places))
