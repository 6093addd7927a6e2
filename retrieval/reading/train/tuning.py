"""How well a reader reads the held-out questions: looked at while tuning, never reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from retrieval.reading.batch import collate, encode_passage, encode_question
from retrieval.reading.decode import best_spans
from retrieval.reading.kinds import question_kind
from retrieval.reading.network import ReaderNetwork
from retrieval.reading.train.labels import Asked
from retrieval.reading.train.statements import Rated, as_example
from retrieval.reading.words import Vocabulary
from retrieval.squad import normalise, overlap

_BATCH = 32


def reading_figures(
    network: ReaderNetwork, vocabulary: Vocabulary, questions: Sequence[Asked]
) -> dict[str, float]:
    """Return EM and F1 of the best span where there is an answer, and the AUROC of the margin."""
    exact: list[float] = []
    shared: list[float] = []
    margins: list[tuple[float, bool]] = []
    for begin in range(0, len(questions), _BATCH):
        part = questions[begin : begin + _BATCH]
        bodies = [vocabulary.encode(asked.context) for asked in part]
        sides = [
            encode_passage(vocabulary.encode(asked.title), body)
            for asked, body in zip(part, bodies, strict=True)
        ]
        asked_sides = [encode_question(vocabulary.encode(asked.question)) for asked in part]
        kinds = torch.tensor([question_kind(asked.question) for asked in part])
        with torch.inference_mode():
            judged = network(collate(asked_sides), collate([side for side, _ in sides]), kinds)
        for row, asked in enumerate(part):
            spans = best_spans(judged.spans[row].numpy(), float(judged.null[row]), 1)
            margin = spans[0].margin if spans else -1e3
            margins.append((margin, bool(asked.answers)))
            if asked.answers and spans:
                first, last = spans[0].first - sides[row][1], spans[0].last - sides[row][1]
                text = asked.context[bodies[row].starts[first] : bodies[row].ends[last]]
                exact.append(max(float(normalise(text) == normalise(a)) for a in asked.answers))
                shared.append(max(overlap(text, answer) for answer in asked.answers))
    return {
        "em": sum(exact) / max(1, len(exact)),
        "f1": sum(shared) / max(1, len(shared)),
        "auroc": auroc(margins),
        "n": len(questions),
    }


def support_figures(
    network: ReaderNetwork, vocabulary: Vocabulary, rated: Sequence[Rated]
) -> dict[str, float]:
    """Return the AUROC of the support judgement on rated statements."""
    scored: list[tuple[float, bool]] = []
    for begin in range(0, len(rated), _BATCH):
        part = rated[begin : begin + _BATCH]
        examples = [as_example(vocabulary, one) for one in part]
        with torch.inference_mode():
            judged = network(
                collate([e.question for e in examples]),
                collate([e.passage for e in examples]),
                torch.tensor([e.kind for e in examples]),
            )
        labels = [one.supported for one in part]
        scored += zip(judged.support.tolist(), labels, strict=True)
    right = sum((score > 0) == label for score, label in scored)
    return {"auroc": auroc(scored), "accuracy": right / max(1, len(scored)), "n": len(rated)}


def auroc(scored: Sequence[tuple[float, bool]]) -> float:
    """Return how often a positive scores above a negative; 0.5 where there is only one kind."""
    ranked = sorted(score for score, _ in scored)
    first = {score: place for place, score in reversed(list(enumerate(ranked)))}
    ties = Counter(ranked)
    positives = [score for score, label in scored if label]
    pairs = len(positives) * (len(scored) - len(positives))
    if not pairs:
        return 0.5
    ranks = sum(first[score] + (ties[score] + 1) / 2 for score in positives)
    return (ranks - len(positives) * (len(positives) + 1) / 2) / pairs
