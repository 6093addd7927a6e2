"""From quotes to an answer: the short answer first, then the quotes, each with its number.

Nothing here is generated. The lead is a span of a quote, or says what the quotes do to the
question: that they disagree, or that they do not bear out what it takes for granted. A span that
its quote does not bear out, put into the question, is not said: the quote alone is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from chatapp.assistant.disagreement import Claim, asks_for_several, disagree
from chatapp.assistant.events import Citation
from chatapp.assistant.premise import contradicted, premise_of
from retrieval.question import without_courtesy

if TYPE_CHECKING:
    from retrieval.types import Quote

DISAGREE = "Sources disagree:"
NOT_BORNE_OUT = "The sources do not say that"
_LONGEST_SHORT = 60  # characters; what is longer, or half of its quote, is no short answer
_SURE = 0.5  # least certainty of a short answer that is shown
_EDGES = " ,;:."
_HOW_TO = re.compile(r"\bhow (?:(?:do|can|could|should|would|may) (?:i|we|you|one)|to)\b", re.I)
_MEASURE = re.compile(r"\bhow (?:tall|far|high|deep|big|large|heavy|wide|fast)\b", re.I)
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)\b")
_MONTH = "(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*"
_LIFETIME = re.compile(r"(.*\d) [–—-] (.*\d)")
_BEGAN, _ENDED = (re.compile(rf"\b(?:{w})\b", re.I) for w in ("born|birth", "die|died|death"))


@dataclass(frozen=True)
class Part:
    """A piece of the answer and the citations whose numbers it shows."""

    text: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True)
class Found:
    """A quote with its number, the text around it, and the date of its source."""

    n: int
    quote: Quote
    around: str = ""
    date: str = ""


Supports = Callable[[str, str], float]
"""How well a statement (first) follows from a text (second), from 0 to 1."""
_BORNE_OUT = 0.5


def compose(question: str, found: Sequence[Found], supports: Supports | None = None) -> list[Part]:
    """Return the answer in parts: its lead, then each quote once with the `[n]` of its sources.

    Without a question there is no lead. With `supports`, short answers are checked.
    """
    question = without_courtesy(question)
    lead = question and (_premise(question, found) or _short(question, found, supports))
    parts = [Part(f"{lead}\n\n")] if lead else []
    same: dict[str, list[Citation]] = {}
    for each in found:
        same.setdefault(" ".join(each.quote.text.split()), []).append(_cite(each))
    for place, (text, citations) in enumerate(same.items()):
        marks = "".join(f"[{citation.n}]" for citation in citations)
        parts.append(Part(f"{' ' if place else ''}{text} {marks}", tuple(citations)))
    return parts


def as_statement(question: str, short: str) -> str:
    """Return question and short answer as one statement, in the form the checker was taught."""
    return f"{question.rstrip('? ')} {short}"


def worth_showing(quotes: Sequence[Quote], threshold: float, most: int) -> Sequence[Quote]:
    """Return the best of these quotes and those that are clearly supported beside it."""
    from retrieval.quotes import LATER_MARGIN, LATER_SHARE

    ranked = sorted(quotes, key=lambda quote: -quote.score)
    best = ranked[0].score if ranked else 0.0
    least = max(threshold + LATER_MARGIN, LATER_SHARE * best)
    return [quote for n, quote in enumerate(ranked) if not n or quote.score >= least][:most]


def _premise(question: str, found: Sequence[Found]) -> str:
    """Say that what the question takes for granted is not in the sources; "" where it may be."""
    premise = premise_of(question)
    if premise is None:
        return ""
    if contradicted(premise, [each.quote for each in found], [each.around for each in found]):
        return f"{NOT_BORNE_OUT} {premise.clause}. They say:"
    return ""


def _short(question: str, found: Sequence[Found], supports: Supports | None) -> str:
    """Return the short answers, best first: one, or several that cannot all be right."""
    answers = [
        (each, answer)
        for each in found
        if (answer := _sure(question, each.quote)) and _borne_out(question, answer, each, supports)
    ]
    if not answers:
        return ""
    if not asks_for_several(question):
        for (one, first), (other, second) in combinations(answers, 2):
            apart = one.quote.document_id != other.quote.document_id
            if apart and disagree(question, _claim(one, first), _claim(other, second)):
                return f"{DISAGREE} {first} [{one.n}], {second} [{other.n}]."
    best, answer = answers[0]
    return f"{answer} [{best.n}]" if best.n == 1 else ""


def _claim(found: Found, answer: str) -> Claim:
    return Claim(answer, " ".join(found.quote.text.split()), found.quote.title)


def _borne_out(question: str, answer: str, found: Found, supports: Supports | None) -> bool:
    # A labelled line says its subject in the title only, and is no sentence that could be checked.
    if supports is None or found.quote.labelled:
        return True
    return supports(as_statement(question, answer), found.quote.text) >= _BORNE_OUT


def _sure(question: str, quote: Quote) -> str:
    """Return the span of a quote that answers; empty where that would be a guess.

    Where a reader chose the quote, it is what the reader points at, if that is more likely right
    than not (F1 of 0.5 or more; `retrieval.calibrate`). Without one it is a time or a
    number that is the only one in its sentence: of questions kept for learning, with the sentence
    that answers them, 96.1 % of 255 times and 93.0 % of 100 numbers were right. Names picked by
    rule (70 % of 94 persons) are not sure enough to stand alone.
    """
    if quote.answer:
        if quote.certainty < _SURE:
            return ""
        answer = _trimmed(question, quote)
        return answer if len(answer) <= min(_LONGEST_SHORT, len(quote.text) // 2) else ""
    from retrieval.question import AnswerKind, analyse, says_more
    from retrieval.spans import spans_of_kind

    asked = analyse(question)
    if asked.kind not in (AnswerKind.TIME, AnswerKind.NUMBER):
        return ""
    spans = [quote.text[slice(*span)] for span in spans_of_kind(quote.text, asked.kind)]
    new = {" ".join(span.split()) for span in spans if says_more(asked, span)}
    return new.pop() if len(new) == 1 else ""


def _trimmed(question: str, quote: Quote) -> str:
    """Return what the reader points at as it can stand alone; empty where it cannot.

    What to do is told by the whole quote, never by a piece of it, and "10th century" says of
    nothing how high it is, nor "28" of "28 May" how many there are.
    """
    answer = " ".join(quote.answer.split()).strip(_EDGES)
    if _HOW_TO.search(question) or (_MEASURE.search(question) and _ORDINAL.match(answer)):
        return ""
    day = rf"\b{answer}\.? {_MONTH}\b|\b{_MONTH} {answer}\b"
    if re.fullmatch(r"\d\d?", answer) and re.search(day, quote.text, re.I):
        return ""
    if lifetime := _LIFETIME.fullmatch(answer):
        began, ended = _BEGAN.search(question), _ENDED.search(question)
        if bool(began) != bool(ended):
            answer = lifetime[1 if began else 2]
    if answer.count("(") > answer.count(")"):
        whole = f"{answer})"
        answer = whole if whole in " ".join(quote.text.split()) else answer.rpartition("(")[0]
    return answer.strip(_EDGES)


def _cite(found: Found) -> Citation:
    quote = found.quote
    return Citation(
        n=found.n,
        quote=quote.text,
        title=quote.title,
        uri=quote.uri,
        document=quote.document_id,
        passage=quote.passage_id,
        start=quote.start,
        end=quote.end,
        score=quote.score,
        date=found.date,
    )
