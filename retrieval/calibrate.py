"""Fit the scores of quotes and passages: `python -m retrieval.calibrate --index FILE --data DIR …`.

The thing to know: only questions take part that may be learnt from and that the reader was not
trained on (`retrieval.reading.train.labels.held_out`), so its confidence in what it has seen before
misleads nobody. The index must hold their paragraphs among many others. Questions that name their
subject are used as they are, and with every passage that holds the answer taken away; all are used
beside one text alone, which may not answer them: a fit of its own (`reading.judging`). Everyday
questions with judged passages (`reading.train.judged`) are searched for only. First all
sentences decide the weights (does it hold the answer?), then the best sentence of each question
decides scale and bias, so that the score of what is shown is a probability. `--answers` fits, with
those weights in their place, how sure a short answer is.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.index import Index
from retrieval.question import analyse
from retrieval.quotes import ask, scored_sentences
from retrieval.reading.judging import certainty_features
from retrieval.reading.paragraph import Paragraph
from retrieval.reading.ranking import known
from retrieval.reading.reader import Reader, load_reader
from retrieval.reading.train.judged import JUDGED, as_asked, divided, load_judged
from retrieval.reading.train.labels import NOTES, TWINS, WRITTEN, held_out, load, names_its_subject
from retrieval.rerank import READ
from retrieval.squad import contains_answer, overlap
from retrieval.support import WEIGHTS

if TYPE_CHECKING:
    from retrieval.evidence import EvidenceSource
    from retrieval.reading.train.labels import Asked
    from retrieval.types import Hit

_RIDGE = 1.0  # towards what is expected
_HITS = 8
_RIGHT = 0.5  # F1 from which a short answer counts as right

Array = NDArray[np.float64]
Verdicts = Mapping[tuple[str, str], bool]
"""Whether a passage (by its text) answers a question, where somebody has read it."""
Group = tuple[Array, Array]
"""Features (candidates, features) and labels (candidates,) of one question."""


def searched_groups(
    index: Index, questions: Sequence[Asked], reader: Reader | None, verdicts: Verdicts
) -> Iterator[Group]:
    """Yield the sentences that a search finds for each question, and those that do not answer.

    A question that does not name its subject cannot be searched for.
    """
    for asked in questions:
        if asked.answers and names_its_subject(asked):
            found = index.search(asked.question, 2 * READ)
            without = [hit for hit in found if not _answers(hit.passage.text, asked, verdicts)]
            for hits in (found, without):
                ranked = reader.rerank(asked.question, hits[:READ]) if reader else hits
                yield from _group(index, asked, ranked[:_HITS], reader, verdicts)


def alone_groups(
    index: Index, questions: Sequence[Asked], reader: Reader | None
) -> Iterator[Group]:
    """Yield the sentences of one text for each question: its paragraph, or one that was found.

    The one that was found is the first that does not answer.
    """
    for asked in questions:
        paragraph = Paragraph(index, asked.title, asked.context)
        yield from _group(paragraph, asked, paragraph.hits(), reader)
        if asked.answers and names_its_subject(asked):
            found = index.search(asked.question, _HITS)
            without = [hit for hit in found if not contains_answer(hit.passage.text, asked.answers)]
            yield from _group(index, asked, without[:1], reader)


def _answers(text: str, asked: Asked, verdicts: Verdicts) -> bool:
    judged = verdicts.get((asked.question, text))
    return contains_answer(text, asked.answers) if judged is None else judged


def _group(
    source: EvidenceSource,
    asked: Asked,
    hits: Sequence[Hit],
    reader: Reader | None,
    verdicts: Verdicts = MappingProxyType({}),
) -> Iterator[Group]:
    features: list[tuple[float, ...]] = []
    labels: list[bool] = []
    for found in scored_sentences(source, ask(source, asked.question), hits, reader):
        features.append((*found.features, *(found.heard or ())))
        sentence = found.passage.text[found.start : found.end]
        refuted = verdicts.get((asked.question, found.passage.text)) is False
        labels.append(not refuted and contains_answer(sentence, asked.answers))
    if features:
        yield np.array(features), np.array(labels, dtype=float)


def passage_groups(
    index: Index, questions: Sequence[Asked], reader: Reader, verdicts: Verdicts
) -> Iterator[Group]:
    """Yield the passages that a search finds for each question, by what the reader says of them."""
    for asked in questions:
        hits = index.search(asked.question, READ) if asked.answers else []
        readings = reader.read(asked.question, [hit.passage for hit in hits])
        labels = [_answers(hit.passage.text, asked, verdicts) for hit in hits]
        if any(labels):
            yield np.array(list(known(hits, readings))), np.array(labels, dtype=float)


def answer_groups(
    index: Index, questions: Sequence[Asked], reader: Reader, verdicts: Verdicts
) -> Iterator[tuple[Array, Array]]:
    """Yield for each question what is known of the span that would stand first, and if it is right.

    Once as a search finds it, once in its own paragraph, if it has one. What may not be answered
    is wrong.
    """
    for asked in questions:
        found = index.search(asked.question, READ) if asked.answers else []
        texts: list[tuple[EvidenceSource, Sequence[Hit]]] = [
            (index, reader.rerank(asked.question, found)[:_HITS])
        ]
        if asked.context:
            paragraph = Paragraph(index, asked.title, asked.context)
            texts.append((paragraph, paragraph.hits()))
        for source, hits in texts:
            sentences = scored_sentences(source, ask(source, asked.question), hits, reader)
            kind = analyse(asked.question).kind
            best = max(sentences, key=lambda one: one.probability(kind), default=None)
            if best is not None and best.answer:
                refuted = verdicts.get((asked.question, best.passage.text)) is False
                matches = any(overlap(best.answer, one) >= _RIGHT for one in asked.answers)
                sure = certainty_features(best.probability(kind), best.chance)
                yield np.array([sure]), np.array([float(matches and not refuted)])


def report_answers(data: Sequence[Group]) -> None:
    """Fit on half of the answers; print how right the surer ones of the other half are."""
    features, right = (np.concatenate(column) for column in zip(*data, strict=True))
    weights = fit_logistic(features[0::2], right[0::2], np.ones(2))
    scores = 1 / (1 + np.exp(-(features[1::2] @ weights[:-1] + weights[-1])))
    for least in np.arange(0.2, 0.8, 0.1):
        shown = right[1::2][scores >= least]
        share = shown.mean() if len(shown) else float("nan")
        print(f"certainty {least:.1f}: {len(shown) / len(scores):.2f} shown, {share:.2f} right")
    print("_CERTAIN_BIAS, … =", weights[[2, 0, 1]].round(3).tolist(), flush=True)


def fit_logistic(features: Array, labels: Array, expected: Array, steps: int = 30) -> Array:
    """Return weights, bias last, by Newton's method, drawn towards the `expected` ones.

    So a feature that hardly occurs in the questions ("What is X?") keeps the weight it had.
    """
    design = np.hstack([features, np.ones((len(features), 1))])
    prior = np.append(expected, 0.0)
    weights = np.zeros_like(prior)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(design @ weights)))
        gradient = design.T @ (labels - p) - _RIDGE * (weights - prior)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(curvature, gradient)
    return weights


def calibrate(data: Sequence[Group], expected: Array) -> tuple[Array, float]:
    """Return (feature weights, bias): fitted on all candidates, scaled on each group's best."""
    features, labels = (np.concatenate(column) for column in zip(*data, strict=True))
    raw = fit_logistic(features, labels, expected)
    tops = [int(np.argmax(features @ raw[:-1])) for features, _ in data]
    best = np.array(
        [[features[top] @ raw[:-1]] for (features, _), top in zip(data, tops, strict=True)]
    )
    right = np.array([labels[top] for (_, labels), top in zip(data, tops, strict=True)])
    scale, bias = fit_logistic(best, right, np.ones(1))
    return raw[:-1] * scale, float(bias)


def threshold_table(data: Sequence[Group], weights: Array, bias: float) -> Iterator[str]:
    """Yield, per threshold, how often a best candidate is shown and how often that is right."""
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


def first_right(data: Sequence[Group], weights: Array) -> float:
    """Return how often the best candidate is right where one of them is."""
    tops = [labels[(features @ weights).argmax()] for features, labels in data if labels.any()]
    return float(np.mean(tops))


def report(name: str, data: Sequence[Group], expected: Sequence[float] = ()) -> None:
    """Fit on half the groups, say what that gives on the other half, print the constants."""
    to_fit, held_out = data[0::2], data[1::2]
    prior = np.zeros(to_fit[0][0].shape[1])
    prior[: len(expected)] = expected
    fitted, bias = calibrate(to_fit, prior)
    print(f"{name}: fitted on {len(to_fit)} groups, held out {len(held_out)}")
    print(f"first is right where one is: {first_right(held_out, fitted):.3f}")
    if any(not labels.any() for _, labels in held_out):
        print("\n".join(threshold_table(held_out, fitted, bias)))
    print("BIAS =", round(bias, 3))
    print("WEIGHTS =", fitted.round(3).tolist(), flush=True)


def main() -> None:
    """Parse the command line, fit what is asked for, print constants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the shared data pack")
    parser.add_argument("--reader", type=Path, help="a reader's directory; none fits the rules")
    parser.add_argument("--limit", type=int, default=2_000, help="questions of each sort at most")
    parser.add_argument("--answers", action="store_true", help="fit how sure short answers are")
    chosen = parser.parse_args()
    index = Index.open(chosen.index, embedder_dir=chosen.embedder, read_only=True)
    reader = load_reader(chosen.reader) if chosen.reader else None
    asked_all = load(chosen.data, more=[WRITTEN, TWINS, NOTES])
    questions = [asked for asked in asked_all if held_out(asked)]
    random.Random(0).shuffle(questions)
    del questions[chosen.limit :]
    _, everyday = divided(load_judged(JUDGED))
    del everyday[chosen.limit :]
    verdicts = {
        (one.question, found.text): bool(found.answer) for one in everyday for found in one.found
    }
    searches = [*questions, *map(as_asked, everyday)]
    if reader is not None and chosen.answers:
        report_answers(list(answer_groups(index, searches, reader, verdicts)))
        return
    if reader is not None:
        report("passages", list(passage_groups(index, searches, reader, verdicts)))
    searched = list(searched_groups(index, searches, reader, verdicts))
    alone = list(alone_groups(index, questions, reader))
    if reader is None:
        report("sentences", [*searched, *alone], WEIGHTS)
    else:
        report("sentences of passages that were searched for", searched, WEIGHTS)
        report("sentences of a text alone", alone, WEIGHTS)


if __name__ == "__main__":
    main()
