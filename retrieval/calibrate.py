"""Fit the weights of `retrieval.support`: `python -m retrieval.calibrate --index FILE --qa FILE…`.

The thing to know: the index must hold the paragraphs of the question files among many others. Each
question is used twice: as it is, and with every passage that holds its answer taken away, which
makes it unanswerable. First all sentences decide the weights (does it hold the answer?), then the
best sentence of each question decides scale and bias, so that the score of what is shown is a
probability. Never run it on files that are used for measuring.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.index import Index
from retrieval.loaders.records import read_lines
from retrieval.quotes import ask, scored_sentences
from retrieval.squad import contains_answer
from retrieval.support import Features
from retrieval.types import Hit

_RIDGE = 1e-2
_HITS = 8

Array = NDArray[np.float64]
Group = tuple[Array, Array]
"""Features (sentences, features) and labels (sentences,) of one question."""


def questions(paths: Sequence[Path], limit: int) -> Iterator[tuple[str, list[str]]]:
    """Yield (question, answers) of the answerable extractive questions of each file."""
    for path in paths:
        taken = 0
        for _, _, line in read_lines(path):
            record = json.loads(line)
            answers = record["answers"]
            if taken < limit and contains_answer(record["context"] or "", answers):
                taken += 1
                yield record["question"], answers


def groups(index: Index, paths: Sequence[Path], limit: int) -> Iterator[Group]:
    """Yield the sentences of each question, answerable and made unanswerable."""
    for question, answers in questions(paths, limit):
        hits = index.search(question, 4 * _HITS)
        without = [hit for hit in hits if not contains_answer(hit.passage.text, answers)]
        for chosen in (hits[:_HITS], without[:_HITS]):
            group = _group(index, question, answers, chosen)
            if group is not None:
                yield group


def _group(
    index: Index, question: str, answers: Sequence[str], hits: Sequence[Hit]
) -> Group | None:
    asked = ask(index, question)
    features: list[Features] = []
    labels: list[bool] = []
    for rank, hit in enumerate(hits, 1):
        for start, end, found, _ in scored_sentences(index, asked, hit, rank):
            features.append(found)
            labels.append(contains_answer(hit.passage.text[start:end], answers))
    return (np.array(features), np.array(labels, dtype=float)) if features else None


def fit_logistic(features: Array, labels: Array, steps: int = 30) -> Array:
    """Return weights, bias last, by Newton's method with a small ridge."""
    design = np.hstack([features, np.ones((len(features), 1))])
    weights = np.zeros(design.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(design @ weights)))
        gradient = design.T @ (labels - p) - _RIDGE * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(curvature, gradient)
    return weights


def calibrate(data: Sequence[Group]) -> tuple[Array, float]:
    """Return (feature weights, bias): fitted on all sentences, scaled on the best of each group."""
    raw = fit_logistic(np.vstack([g[0] for g in data]), np.concatenate([g[1] for g in data]))
    tops = [int(np.argmax(features @ raw[:-1])) for features, _ in data]
    best = np.array(
        [[features[top] @ raw[:-1]] for (features, _), top in zip(data, tops, strict=True)]
    )
    right = np.array([labels[top] for (_, labels), top in zip(data, tops, strict=True)])
    scale, bias = fit_logistic(best, right)
    return raw[:-1] * scale, float(bias)


def threshold_table(data: Sequence[Group], weights: Array, bias: float) -> Iterator[str]:
    """Yield, per threshold, how often a best sentence is shown and how often that is right."""
    best = [(features @ weights).argmax() for features, _ in data]
    scores = np.array(
        [1 / (1 + np.exp(-(f[b] @ weights + bias))) for (f, _), b in zip(data, best, strict=True)]
    )
    right = np.array([labels[b] for (_, labels), b in zip(data, best, strict=True)])
    possible = np.array([labels.max() for _, labels in data])
    for threshold in np.arange(0.1, 0.75, 0.05):
        shown = scores >= threshold
        precision = right[shown].mean() if shown.any() else float("nan")
        answered = shown[possible > 0].mean()
        refused = (~shown[possible == 0]).mean()
        yield (
            f"threshold {threshold:.2f}: answered {answered:.2f} of the answerable, refused "
            f"{refused:.2f} of the others, {precision:.2f} of the shown hold the answer"
        )


def main() -> None:
    """Parse the command line, fit on half the questions, report on the rest, print constants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--qa", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=400, help="questions a file")
    chosen = parser.parse_args()
    index = Index.open(chosen.index, embedder_dir=chosen.embedder, read_only=True)
    data = list(groups(index, chosen.qa, chosen.limit))
    to_fit, held_out = data[0::4] + data[1::4], data[2::4] + data[3::4]
    fitted, bias = calibrate(to_fit)
    print(f"fitted on {len(to_fit)} groups, held out {len(held_out)}")
    print("\n".join(threshold_table(held_out, fitted, bias)))
    print("BIAS =", round(bias, 3))
    print("WEIGHTS =", dict(zip(Features._fields, fitted.round(3).tolist(), strict=True)))


if __name__ == "__main__":
    main()
