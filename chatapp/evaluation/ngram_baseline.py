"""The 5-gram model as a scorer: the baseline beside the language model, on the same tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from chatapp.evaluation.likelihood import Request, Scored, first_id
from chatapp.evaluation.records import DataError, read
from chatapp.evaluation.schemas import parse_text
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.ngram import NgramModel

ORDER = 5


class NgramScorer:
    """Scores requests with a Kneser-Ney model; it never says what would be likeliest."""

    def __init__(self, model: NgramModel) -> None:
        self._model = model

    def score(self, requests: Sequence[Request], done: Callable[[int], object]) -> list[Scored]:
        """See `Scorer.score`."""
        return [self._score(request, done) for request in requests]

    def _score(self, request: Request, done: Callable[[int], object]) -> Scored:
        found = self._model.log2_probabilities(np.array(request.ids, dtype=np.uint16))
        done(1)
        scored = found[request.start :]
        return Scored(float(scored.sum()) * math.log(2), None, len(scored))


def fit_ngram(
    path: Path, measured: Sequence[Path], tokenizer: ChatTokenizer, megabytes: float
) -> NgramScorer:
    """Fit a 5-gram on the first `megabytes` of text of a file.

    Raises:
        DataError: the file is one of the measured ones.
    """
    if any(path.resolve() == other.resolve() for other in measured):
        raise DataError(
            f"{path} is measured and cannot fit the baseline too",
            hint="name a file of training text with --ngram.",
        )
    ids: list[int] = []
    taken = 0
    for text in read(path, parse_text):
        ids += [first_id(tokenizer), *tokenizer.encode(text.text)]
        taken += len(text.text.encode())
        if taken >= megabytes * 1e6:
            break
    tokens = np.array(ids, dtype=np.uint16)
    return NgramScorer(NgramModel(tokens, order=ORDER, vocab_size=tokenizer.vocab_size))
