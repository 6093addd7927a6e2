"""The measures of short answers and of retrieval: SQuAD's normalisation, EM, F1, recall@k.

EM and F1 follow the official SQuAD v1.1 script (Rajpurkar et al. 2016): text is lower-cased, loses
ASCII punctuation and English articles, and is split at white space; the best of the gold answers
counts. Passage recall uses the same normalisation and asks for whole words.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Return `text` as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """Return 1.0 when the prediction equals one of the answers after normalisation, else 0.0."""
    predicted = normalise(prediction)
    return float(any(predicted == normalise(answer) for answer in answers))


def f1(prediction: str, answers: Sequence[str]) -> float:
    """Return the best word-overlap F1 of the prediction with one of the answers, from 0 to 1."""
    return max((_f1(prediction, answer) for answer in answers), default=0.0)


def _f1(prediction: str, answer: str) -> float:
    predicted, gold = normalise(prediction).split(), normalise(answer).split()
    common = sum((Counter(predicted) & Counter(gold)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def contains_answer(text: str, answers: Sequence[str]) -> bool:
    """Say whether one of the answers stands in `text` as a run of whole words, normalised."""
    padded = f" {normalise(text)} "
    wanted = [normalise(answer) for answer in answers]
    return any(answer and f" {answer} " in padded for answer in wanted)


def recall_at(k: int, passages: Sequence[str], answers: Sequence[str]) -> float:
    """Return 1.0 when one of the first `k` passages holds an answer, else 0.0."""
    return float(any(contains_answer(passage, answers) for passage in passages[:k]))


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` questions and its standard error (sample deviation over root n)."""

    mean: float
    stderr: float
    n: int


def estimate(values: Sequence[float]) -> Estimate | None:
    """Return the mean of `values` with its standard error; None when there are none."""
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, 0.0, 1)
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return Estimate(mean, math.sqrt(variance / n), n)
