"""Recall@5 over long histories: the round a question asks for is among the first five.

Beside what the app does stand the baselines it must beat on the same history: words alone,
vectors alone, and the rounds a model's window would still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.memory.cases import Remembered
from chatapp.evaluation.memory.histories import NOW, History, Pair, history
from chatapp.evaluation.suite import Done
from chatapp.memory.memory import COMPARED, is_relevant
from chatapp.memory.recall import Recall, Routes
from retrieval.embedding import Embedder
from retrieval.embedding.pieces import PieceEncoder

K = 5
WINDOW_ROUNDS = 20  # about what a window of 1,024 tokens holds of such dialogue
VARIANTS: dict[str, Routes] = {
    "memory": "weighed",
    "fusion": "fused",
    "fts": "words",
    "vectors": "meaning",
}


_READ_TOGETHER = 256  # rounds


def variants(encoder: PieceEncoder | None) -> dict[str, Routes]:
    """Return the ways of recall that are measured, by name."""
    return VARIANTS if encoder is None else {**VARIANTS, "contexts": "context"}


def recall_at(
    cases: Sequence[Remembered],
    others: Sequence[Pair],
    rounds: int,
    seed: int,
    embedder: Embedder | None,
    encoder: PieceEncoder | None,
    done: Done,
) -> dict[str, Estimate | None]:
    """Return recall@5 by variant over one history of `rounds` rounds."""
    made = history(cases, others, rounds, seed)
    try:
        recall = indexed(made, embedder, encoder)
        found = {
            name: _hits(cases, made, _finder(recall, routes), done)
            for name, routes in variants(encoder).items()
        }
        window = set(made.order[-WINDOW_ROUNDS:])
        found["last rounds"] = [float(made.places[case.question] in window) for case in cases]
    finally:
        made.store.close()
    return {name: estimate(hits) for name, hits in found.items()}


def recall_abstention(
    asked: Sequence[Remembered],
    held: Sequence[Remembered],
    others: Sequence[Pair],
    rounds: int,
    seed: int,
    embedder: Embedder | None,
    encoder: PieceEncoder | None,
) -> tuple[Estimate | None, Estimate | None]:
    """Return how often a question about what was never said is not answered, and one that was is.

    `asked` rounds are not in the history, `held` ones are.
    """
    made = history(held, others, rounds, seed)
    try:
        recall = indexed(made, embedder, encoder)

        def answers(case: Remembered) -> bool:
            return is_relevant(recall.search(case.question, NOW, limit=COMPARED), recall.scale)

        quiet = [float(not answers(case)) for case in asked]
        spoke = [float(answers(case)) for case in held]
    finally:
        made.store.close()
    return estimate(quiet), estimate(spoke)


def indexed(made: History, embedder: Embedder | None, encoder: PieceEncoder | None) -> Recall:
    """Return recall over a history of which every round was embedded and read."""
    recall = Recall(made.store, embedder, encoder)
    recall.index_new()
    if recall.contexts is not None:
        while recall.contexts.read_new(_READ_TOGETHER):
            pass
    return recall


def _finder(recall: Recall, routes: Routes) -> Callable[[str], list[str]]:
    def find(question: str) -> list[str]:
        return [r.message_id for r in recall.search(question, NOW, limit=K, routes=routes)]

    return find


def _hits(
    cases: Sequence[Remembered], made: History, find: Callable[[str], list[str]], done: Done
) -> list[float]:
    hits = []
    for case in cases:
        hits.append(float(made.places[case.question] in find(case.question)))
        done(1)
    return hits
