"""`chatapp eval qa`: questions with gold answers, asked of the index and scored.

Each question goes through the search and the quote selection that the assistant uses, with the
person's own settings. The language model takes no part: a grounded answer is made of quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.metrics import exact_match, f1, recall_at
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.schemas import Question
from chatapp.evaluation.suite import Done, present
from retrieval.squad import contains_answer

if TYPE_CHECKING:
    from chatapp.settings import RetrievalSettings
    from retrieval.index import Index
    from retrieval.types import SearchMode

DEEPEST = 20  # passages fetched for recall@20; quotes come from the first `top_k` of them


@dataclass(frozen=True)
class Answered:
    """What the app found for one question."""

    question: Question
    passages: tuple[str, ...]
    quotes: tuple[str, ...]
    verified: tuple[bool, ...]
    short_answer: str

    @property
    def refused(self) -> bool:
        """Say whether the app would answer "not found in the sources"."""
        return not self.quotes


def answer(
    index: Index, question: Question, settings: RetrievalSettings, mode: SearchMode
) -> Answered:
    """Ask the index one question the way the assistant does."""
    from retrieval.quotes import select_quotes, short_answer, verify_quote

    hits = index.search(question.text, max(DEEPEST, settings.top_k), mode=mode)
    quotes = select_quotes(
        index,
        question.text,
        hits[: settings.top_k],
        max_quotes=settings.max_quotes,
        threshold=settings.threshold,
    )
    return Answered(
        question,
        passages=tuple(hit.passage.text for hit in hits),
        quotes=tuple(quote.text for quote in quotes),
        verified=tuple(verify_quote(quote, index.document(quote.document_id)) for quote in quotes),
        short_answer=short_answer(question.text, quotes[0]) if quotes else "",
    )


def score(found: Answered) -> Iterator[tuple[str, float]]:
    """Yield metric name and value for one question; a refusal of an answerable one scores 0."""
    yield from (("citation_fidelity", float(right)) for right in found.verified)
    answers = found.question.answers
    if not found.question.answerable:
        yield "refusal_rate", float(found.refused)
        return
    yield "recall@5", recall_at(5, found.passages, answers)
    yield "recall@20", recall_at(20, found.passages, answers)
    yield "answer_in_quotes", float(any(contains_answer(text, answers) for text in found.quotes))
    yield "em", exact_match(found.short_answer, answers)
    yield "f1", f1(found.short_answer, answers)
    yield "not_found", float(found.refused)


class QaSuite:
    """Questions asked of an index, in one or several modes of search.

    `refusal_rate` is over the unanswerable questions, `citation_fidelity` over the quotes, and
    everything else over the answerable questions. A metric that applies to none is left out.
    """

    name, unit = "qa", "question"

    def __init__(
        self,
        index: Index,
        questions: Sequence[Question],
        settings: RetrievalSettings,
        modes: Sequence[SearchMode],
    ) -> None:
        self._index, self._questions = index, questions
        self._settings, self._modes = settings, modes

    def size(self) -> int:
        """Return the number of questions, counted once for each mode."""
        return len(self._questions) * len(self._modes)

    def run(self, done: Done) -> Result:
        """Ask every question in every mode."""
        variants: dict[str, Metrics] = {mode: self._measure(mode, done) for mode in self._modes}
        status, settings = self._index.status(), self._settings
        config = {
            "top_k": settings.top_k,
            "max_quotes": settings.max_quotes,
            "threshold": settings.threshold,
            "embedder": status.embedder,
            "documents": status.documents,
            "passages": status.passages,
        }
        return Result(variants, len(self._questions), config)

    def _measure(self, mode: SearchMode, done: Done) -> Metrics:
        scores: dict[str, list[float]] = {}
        for question in self._questions:
            for name, value in score(answer(self._index, question, self._settings, mode)):
                scores.setdefault(name, []).append(value)
            done(1)
        return present({name: estimate(values) for name, values in scores.items()})
