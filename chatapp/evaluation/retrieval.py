"""`chatapp eval retrieval`: does a found passage hold the answer, way of searching by way.

All ways are asked the same questions, so their differences are paired: a question that is hard for
all does not blur them. A passage counts when it holds an answer as whole words, which a passage
about something else can do too; the size of the index is part of every report, because small
ones make every way look good.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.metrics import recall_at
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.schemas import Question
from chatapp.evaluation.suite import Done
from retrieval.rerank import Reranker, search_reranked
from retrieval.types import SearchMode

if TYPE_CHECKING:
    from retrieval.index import Index

DEPTHS = (5, 20, 100)
RERANKED = "hybrid+rerank"
BASE = "hybrid"  # what the other ways are compared with
_MILLISECONDS = "ms"


class RetrievalSuite:
    """Questions asked of an index in every way of searching; `reranker` None leaves its way out.

    Questions without an answer are left out: nothing could be found.
    """

    name, unit = "retrieval", "question"

    def __init__(
        self, index: Index, questions: Sequence[Question], reranker: Reranker | None
    ) -> None:
        self._index = index
        self._questions = [question for question in questions if question.answerable]
        self._reranker = reranker
        self._ways = [*get_args(SearchMode), *([RERANKED] if reranker else [])]

    def size(self) -> int:
        """Return the number of questions, counted once for each way."""
        return len(self._questions) * len(self._ways)

    def run(self, done: Done) -> Result:
        """Ask every question in every way."""
        found = {way: self._measure(way, done) for way in self._ways}
        variants: dict[str, Metrics] = {way: _means(scores) for way, scores in found.items()}
        for way in self._ways:
            if way != BASE:
                variants[f"{BASE} - {way}"] = _differences(found[BASE], found[way])
        status = self._index.status()
        config = {
            "embedder": status.embedder,
            "documents": status.documents,
            "passages": status.passages,
        }
        return Result(variants, len(self._questions), config)

    def _measure(self, way: str, done: Done) -> dict[str, list[float]]:
        scores: dict[str, list[float]] = {}
        for question in self._questions:
            began = time.perf_counter()
            passages = self._search(way, question.text)
            scores.setdefault(_MILLISECONDS, []).append(1000 * (time.perf_counter() - began))
            for depth in DEPTHS:
                recall = recall_at(depth, passages, question.answers)
                scores.setdefault(f"recall@{depth}", []).append(recall)
            done(1)
        return scores

    def _search(self, way: str, question: str) -> list[str]:
        if way == RERANKED:
            assert self._reranker is not None
            hits = search_reranked(self._index, self._reranker, question, max(DEPTHS))
        else:
            mode = next(mode for mode in get_args(SearchMode) if mode == way)
            hits = self._index.search(question, max(DEPTHS), mode=mode)
        return [hit.passage.text for hit in hits]


def _means(scores: dict[str, list[float]]) -> dict[str, Estimate]:
    return {name: found for name, values in scores.items() if (found := estimate(values))}


def _differences(
    ours: dict[str, list[float]], theirs: dict[str, list[float]]
) -> dict[str, Estimate]:
    """Return the mean difference question by question, with the standard error of that."""
    return _means(
        {
            name: [one - other for one, other in zip(ours[name], theirs[name], strict=True)]
            for name in ours
            if name != _MILLISECONDS
        }
    )
