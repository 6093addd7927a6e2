"""`chatapp eval qa`: questions with gold answers, asked of the index and scored.

Each question goes through the search and the quote selection that the assistant uses, with the
person's own settings. The language model takes no part: a grounded answer is made of quotes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.evaluation.metrics import (
    Estimate,
    contains_answer,
    estimate,
    exact_match,
    f1,
    recall_at,
)
from chatapp.evaluation.records import Question

if TYPE_CHECKING:
    from chatapp.settings import RetrievalSettings
    from retrieval.index import Index
    from retrieval.types import SearchMode

DEEPEST = 20  # passages fetched for recall@20; quotes come from the first `top_k` of them

Scores = dict[str, list[float]]


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


def evaluate(
    index: Index,
    questions: Sequence[Question],
    settings: RetrievalSettings,
    mode: SearchMode,
    asked: Callable[[], object] = lambda: None,
) -> dict[str, Estimate]:
    """Return each metric over all questions it applies to; `asked` is called after each one.

    `refusal_rate` is over the unanswerable questions, `citation_fidelity` over the quotes, and
    everything else over the answerable questions. A metric that applies to none is left out.
    """
    scores: Scores = {}
    for question in questions:
        for name, value in score(answer(index, question, settings, mode)):
            scores.setdefault(name, []).append(value)
        asked()
    estimates = {name: estimate(values) for name, values in scores.items()}
    return {name: found for name, found in estimates.items() if found is not None}
