"""How short answers are compared: the normalisation of the SQuAD script.

Text is lower-cased, loses ASCII punctuation and English articles, and is split at white space
(Rajpurkar et al. 2016). Calibration and evaluation compare with the same rule or measure nothing.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Return `text` as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def contains_answer(text: str, answers: Sequence[str]) -> bool:
    """Say whether one of the answers stands in `text` as a run of whole words, normalised."""
    padded = f" {normalise(text)} "
    wanted = [normalise(answer) for answer in answers]
    return any(answer and f" {answer} " in padded for answer in wanted)


def overlap(prediction: str, answer: str) -> float:
    """Return the overlap of the words of a prediction with those of one answer, from 0 to 1."""
    predicted, gold = normalise(prediction).split(), normalise(answer).split()
    common = sum((Counter(predicted) & Counter(gold)).values())
    return 2 * common / (len(predicted) + len(gold)) if common else 0.0
