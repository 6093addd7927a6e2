"""The measures of short answers and of retrieval: EM, F1 and recall@k.

EM and F1 follow the official SQuAD v1.1 script (Rajpurkar et al. 2016); the best of the gold
answers counts. Passage recall uses the same normalisation and asks for whole words.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.squad import contains_answer, normalise, overlap


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """Return 1.0 when the prediction equals one of the answers after normalisation, else 0.0."""
    predicted = normalise(prediction)
    return float(any(predicted == normalise(answer) for answer in answers))


def f1(prediction: str, answers: Sequence[str]) -> float:
    """Return the best word-overlap F1 of the prediction with one of the answers, from 0 to 1."""
    return max((overlap(prediction, answer) for answer in answers), default=0.0)


def recall_at(k: int, passages: Sequence[str], answers: Sequence[str]) -> float:
    """Return 1.0 when one of the first `k` passages holds an answer, else 0.0."""
    return float(any(contains_answer(passage, answers) for passage in passages[:k]))
