"""`chatapp eval qa`: questions with gold answers, asked of the index and scored.

Each question goes through the search and the quote selection that the assistant uses, with the
person's own settings. The language model takes no part: a grounded answer is made of quotes. With
`gold` the paragraph that a question was asked about is read instead of what a search finds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.grounded.risk import auroc
from chatapp.evaluation.metrics import exact_match, f1, recall_at
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.schemas import Question
from chatapp.evaluation.suite import Done, present
from retrieval.splits import part_of
from retrieval.squad import contains_answer

if TYPE_CHECKING:
    from chatapp.evaluation.estimates import Estimate
    from chatapp.settings import RetrievalSettings
    from retrieval.evidence import EvidenceSource
    from retrieval.index import Index
    from retrieval.reading.reader import Reader
    from retrieval.types import Hit, SearchMode

Place = Literal["hybrid", "lexical", "dense", "gold"]
"""Where the passages come from: a way to search, or the paragraph that belongs to the question."""

DEEPEST = 20  # passages fetched for recall@20; quotes come from the first `top_k` of them


@dataclass(frozen=True)
class Answered:
    """What the app found for one question.

    `best` and `confidence` are the answer that it would give, and its support, if it refused
    nothing; `short_answer` is empty where it refuses.
    """

    question: Question
    passages: tuple[str, ...]
    quotes: tuple[str, ...]
    verified: tuple[bool, ...]
    short_answer: str
    best: str = ""
    confidence: float = 0.0

    @property
    def refused(self) -> bool:
        """Say whether the app would answer "not found in the sources"."""
        return not self.quotes

    @property
    def right(self) -> bool:
        """Say whether `best` is one of the answers."""
        return bool(exact_match(self.best, self.question.answers))


def of_part(questions: Sequence[Question], part: str) -> list[Question]:
    """Return the questions of one part, `learn` or `measure`; `all` keeps every one."""
    return [
        question
        for question in questions
        if part in ("all", part_of(question.text, title=question.title, context=question.context))
    ]


def answer(
    index: Index,
    question: Question,
    settings: RetrievalSettings,
    place: Place,
    reader: Reader | None = None,
) -> Answered:
    """Ask one question the way the assistant does."""
    from retrieval.quotes import select_quotes, short_answer, verify_quote

    source, hits = _passages(index, question, settings, place, reader)
    read = hits[: settings.top_k]
    quotes = select_quotes(
        source,
        question.text,
        read,
        max_quotes=settings.max_quotes,
        threshold=settings.threshold,
        reader=reader,
    )
    forced = quotes or select_quotes(
        source, question.text, read, max_quotes=1, threshold=0.0, reader=reader
    )
    return Answered(
        question,
        passages=tuple(hit.passage.text for hit in hits),
        quotes=tuple(quote.text for quote in quotes),
        verified=tuple(verify_quote(quote, source.document(quote.document_id)) for quote in quotes),
        short_answer=short_answer(question.text, quotes[0]) if quotes else "",
        best=short_answer(question.text, forced[0]) if forced else "",
        confidence=forced[0].score if forced else 0.0,
    )


def _passages(
    index: Index,
    question: Question,
    settings: RetrievalSettings,
    place: Place,
    reader: Reader | None,
) -> tuple[EvidenceSource, Sequence[Hit]]:
    from retrieval.reading.paragraph import Paragraph
    from retrieval.rerank import READ, search_reranked

    if place == "gold":
        paragraph = Paragraph(index, question.title, question.context)
        return paragraph, paragraph.hits()
    mode: SearchMode = place
    deep = max(DEEPEST, settings.top_k)
    return index, search_reranked(index, reader, question.text, deep, depth=READ, mode=mode)


def score(found: Answered) -> Iterator[tuple[str, float]]:
    """Yield metric name and value for one question; a refusal of an answerable one scores 0."""
    yield from (("citation_fidelity", float(right)) for right in found.verified)
    answers = found.question.answers
    if not found.question.answerable:
        yield "refusal_rate", float(found.refused)
        yield "em_with_refusals", float(found.refused)
        yield "f1_with_refusals", float(found.refused)
        return
    yield "recall@5", recall_at(5, found.passages, answers)
    yield "recall@20", recall_at(20, found.passages, answers)
    yield "answer_in_quotes", float(any(contains_answer(text, answers) for text in found.quotes))
    for suffix, given in (("", found.short_answer), ("_forced", found.best)):
        yield f"em{suffix}", exact_match(given, answers)
        yield f"f1{suffix}", f1(given, answers)
    yield "em_with_refusals", exact_match(found.short_answer, answers)
    yield "f1_with_refusals", f1(found.short_answer, answers)
    yield "not_found", float(found.refused)


def confidence_figures(found: Sequence[Answered]) -> Iterator[tuple[str, Estimate | None]]:
    """Yield how well the support tells what to refuse, and how right the most supported are.

    `refusal_auroc`: a question with an answer scores above one without. `right_auroc`: a right
    answer scores above a wrong one. `em_at_coverage_50`: how many of the better supported half are
    right, and so on; unanswerable questions count as wrong, however they are answered.
    """
    confidences = [one.confidence for one in found]
    answerable = [one.question.answerable for one in found]
    right = [one.right for one in found]
    yield "refusal_auroc", auroc(confidences, answerable)
    yield "right_auroc", auroc(confidences, right)
    order = sorted(range(len(found)), key=lambda place: -confidences[place])
    for share in (20, 50, 80, 100):
        kept = order[: math.ceil(share / 100 * len(found))]
        yield f"em_at_coverage_{share}", estimate([float(right[place]) for place in kept])


class QaSuite:
    """Questions asked of an index, in one or several modes of search, or of their paragraphs.

    `refusal_rate` is over the unanswerable questions, `citation_fidelity` over the quotes,
    `em_with_refusals` and `f1_with_refusals` over all (SQuAD 2.0's own), `refusal_auroc` over all,
    and everything else over the answerable questions: `em_forced` as if nothing were refused. A
    metric that applies to none is left out.
    """

    name, unit = "qa", "question"

    def __init__(
        self,
        index: Index,
        questions: Sequence[Question],
        settings: RetrievalSettings,
        places: Sequence[Place],
        reader: Reader | None = None,
    ) -> None:
        self._index, self._questions = index, questions
        self._settings, self._places, self._reader = settings, places, reader

    def size(self) -> int:
        """Return the number of questions, counted once for each mode."""
        return len(self._questions) * len(self._places)

    def run(self, done: Done) -> Result:
        """Ask every question in every mode."""
        variants: dict[str, Metrics] = {place: self._measure(place, done) for place in self._places}
        status, settings = self._index.status(), self._settings
        config = {
            "top_k": settings.top_k,
            "max_quotes": settings.max_quotes,
            "threshold": settings.threshold,
            "embedder": status.embedder,
            "reader": self._reader.id if self._reader else "rules",
            "documents": status.documents,
            "passages": status.passages,
        }
        return Result(variants, len(self._questions), config)

    def _measure(self, place: Place, done: Done) -> Metrics:
        scores: dict[str, list[float]] = {}
        answered: list[Answered] = []
        for question in self._questions:
            found = answer(self._index, question, self._settings, place, self._reader)
            answered.append(found)
            for name, value in score(found):
                scores.setdefault(name, []).append(value)
            done(1)
        figures = {name: estimate(values) for name, values in scores.items()}
        return present({**figures, **dict(confidence_figures(answered))})
