"""Fit the scores of quotes and passages: `python -m retrieval.calibrate --index FILE --data DIR …`.

The thing to know: only questions take part that may be learnt from and that the reader was not
trained on (`retrieval.reading.train.labels.held_out`), so its confidence in what it has seen before
misleads nobody. The index must hold their paragraphs among many others. Each question is used as it
is, with every passage that holds its answer taken away, and beside its own paragraph alone, where
that may not answer it. First all sentences decide the weights (does it hold the answer?), then the
best sentence of each question decides scale and bias, so that the score of what is shown is a
probability. `--answers` fits, with those weights in their place, how sure a short answer is.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.fitting import (
    Array,
    Group,
    first_right,
    fit_logistic,
    fit_scores,
    fit_whether,
    fit_which,
    threshold_table,
    told_of,
)
from retrieval.index import Index
from retrieval.question import analyse
from retrieval.quotes import Sentence, ask, probabilities, scored_sentences
from retrieval.reading.judging import certainty_features
from retrieval.reading.paragraph import Paragraph
from retrieval.reading.ranking import known
from retrieval.reading.reader import Reader, load_reader
from retrieval.rerank import READ
from retrieval.squad import contains_answer, overlap
from retrieval.support import WEIGHTS

if TYPE_CHECKING:
    from retrieval.evidence import EvidenceSource
    from retrieval.reading.train.labels import Asked
    from retrieval.types import Hit

_HITS = 8
_RIGHT = 0.5  # F1 from which a short answer counts as right


def sentence_groups(
    index: Index, questions: Sequence[Asked], reader: Reader | None
) -> Iterator[Group]:
    """Yield the sentences of each question: as it is, made unanswerable, and of its paragraph."""
    for asked in questions:
        if asked.answers:
            found = index.search(asked.question, 2 * READ)
            without = [hit for hit in found if not contains_answer(hit.passage.text, asked.answers)]
            for hits in (found, without):
                ranked = reader.rerank(asked.question, hits[:READ]) if reader else hits
                yield from _group(index, asked, ranked[:_HITS], reader)
        paragraph = Paragraph(index, asked.title, asked.context)
        yield from _group(paragraph, asked, paragraph.hits(), reader)


def _group(
    source: EvidenceSource, asked: Asked, hits: Sequence[Hit], reader: Reader | None
) -> Iterator[Group]:
    features: list[tuple[float, ...]] = []
    labels: list[bool] = []
    for found in scored_sentences(source, ask(source, asked.question), hits, reader):
        features.append((*found.features, *(found.heard or ())))
        sentence = found.passage.text[found.start : found.end]
        labels.append(contains_answer(sentence, asked.answers))
    if features:
        yield np.array(features), np.array(labels, dtype=float)


def passage_groups(index: Index, questions: Sequence[Asked], reader: Reader) -> Iterator[Group]:
    """Yield the passages that a search finds for each question, by what the reader says of them."""
    for asked in questions:
        hits = index.search(asked.question, 2 * READ) if asked.answers else []
        readings = reader.read(asked.question, [hit.passage for hit in hits])
        labels = [contains_answer(hit.passage.text, asked.answers) for hit in hits]
        if any(labels):
            yield np.array(list(known(hits, readings))), np.array(labels, dtype=float)


def answer_groups(
    index: Index, questions: Sequence[Asked], reader: Reader
) -> Iterator[tuple[Array, Array]]:
    """Yield for each question what is known of the span that would stand first, and if it is right.

    Once as a search finds it, once in its own paragraph; what may not be answered is wrong.
    """
    for asked in questions:
        paragraph = Paragraph(index, asked.title, asked.context)
        found = index.search(asked.question, READ) if asked.answers else []
        ranked = reader.rerank(asked.question, found)[:_HITS]
        for source, hits in ((index, ranked), (paragraph, paragraph.hits())):
            sentences = list(scored_sentences(source, ask(source, asked.question), hits, reader))
            kind = analyse(asked.question).kind
            scores = probabilities(sentences, kind)
            score, best = max(zip(scores, sentences, strict=True), default=(0.0, None), key=_score)
            if best is not None and best.answer:
                right = any(overlap(best.answer, one) >= _RIGHT for one in asked.answers)
                sure = certainty_features(score, best.chance)
                yield np.array([sure]), np.array([float(right)])


def _score(scored: tuple[float, Sentence | None]) -> float:
    return scored[0]


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


def report(name: str, data: Sequence[Group], expected: Sequence[float] = ()) -> None:
    """Fit on half the groups, say what that gives on the other half, print the constants."""
    to_fit, held_out = data[0::2], data[1::2]
    prior = np.zeros(to_fit[0][0].shape[1])
    prior[: len(expected)] = expected
    fitted, bias = fit_scores(to_fit, prior)
    print(f"{name}: fitted on {len(to_fit)} groups, held out {len(held_out)}")
    scored = [features @ fitted + bias for features, _ in held_out]
    _report_scores(held_out, [(float(each.max()), int(each.argmax())) for each in scored])
    print("BIAS =", round(bias, 3))
    print("WEIGHTS =", fitted.round(3).tolist(), flush=True)


def report_read(data: Sequence[Group]) -> None:
    """Fit the two judgements about sentences on half of the questions, as `report` does."""
    to_fit, held_out = data[0::2], data[1::2]
    expected = np.zeros(to_fit[0][0].shape[1])
    expected[: len(WEIGHTS)] = WEIGHTS
    which = fit_which(to_fit, expected)
    whether = fit_whether(to_fit, which)
    told = [told_of(features, which) for features, _ in held_out]
    logits = [(float(one @ whether[:-1] + whether[-1]), best) for one, best in told]
    _report_scores(held_out, logits)
    print("WHICH =", which.round(3).tolist())
    print("WHETHER_BIAS, WHETHER =", whether[-1].round(3), whether[:-1].round(3).tolist())


def _report_scores(data: Sequence[Group], best: Sequence[tuple[float, int]]) -> None:
    """Print how right the best candidates are; `best` holds the logit and place of each."""
    places = [place for _, place in best]
    print(f"first is right where one is: {first_right(data, places):.3f}")
    if any(not labels.any() for _, labels in data):
        scores = 1 / (1 + np.exp(-np.array([logit for logit, _ in best])))
        print("\n".join(threshold_table(data, places, scores)))


def main() -> None:
    """Parse the command line, fit what is asked for, print constants."""
    from retrieval.reading.train.labels import held_out, load

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the shared data pack")
    parser.add_argument("--reader", type=Path, help="a reader's directory; none fits the rules")
    parser.add_argument("--limit", type=int, default=2_000, help="questions at most")
    parser.add_argument("--answers", action="store_true", help="fit how sure short answers are")
    chosen = parser.parse_args()
    index = Index.open(chosen.index, embedder_dir=chosen.embedder, read_only=True)
    reader = load_reader(chosen.reader) if chosen.reader else None
    questions = [asked for asked in load(chosen.data) if held_out(asked)]
    random.Random(0).shuffle(questions)
    del questions[chosen.limit :]
    if reader is not None and chosen.answers:
        report_answers(list(answer_groups(index, questions, reader)))
        return
    if reader is not None:
        report("passages", list(passage_groups(index, questions, reader)))
    groups = list(sentence_groups(index, questions, reader))
    if reader is not None:
        report_read(groups)
    else:
        report("sentences", groups, WEIGHTS)


if __name__ == "__main__":
    main()
