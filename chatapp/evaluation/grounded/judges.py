"""Who decides whether a statement follows from a text, and how far such a judge can be trusted.

The thing to know: ALCE's judge is an 11-billion-parameter model; ours are small. A citation score
is worth what its judge is, so each one is first held against statements that people have labelled,
and its agreement with them stands beside every score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.grounded.risk import auroc, kappa
from chatapp.evaluation.records import DataError, read
from chatapp.evaluation.result import Metrics
from chatapp.evaluation.schemas import parse_messages
from chatapp.evaluation.suite import present
from retrieval.splits import part_of
from retrieval.terms import content_words

if TYPE_CHECKING:
    from retrieval.reading.reader import Reader

LINE = 0.5  # support from which a statement counts as borne out
_GIVEN = "Answer from this text only: "
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Judge(Protocol):
    """Rates how well a statement follows from a text."""

    @property
    def name(self) -> str:
        """Return the name that stands in reports."""
        ...

    def support(self, statement: str, text: str) -> float:
        """Return support from 0 to 1; from `LINE` on the statement counts as borne out."""
        ...


class WordsJudge:
    """The share of a statement's content words that stand in the text; missing numbers are fatal.

    A baseline that knows nothing of meaning, and, unlike the reader, had no part in the answer.
    """

    name = "words"

    def support(self, statement: str, text: str) -> float:
        """See `Judge`."""
        wanted = {_stem(word) for word in content_words(statement)}
        there = {_stem(word) for word in content_words(text)}
        if set(_NUMBER.findall(statement)) - set(_NUMBER.findall(text)):
            return 0.0
        return len(wanted & there) / len(wanted) if wanted else 0.0


class ReaderJudge:
    """The reader's own support head: the checker that the app shows its answers by."""

    name = "reader"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def support(self, statement: str, text: str) -> float:
        """See `Judge`."""
        return self._reader.supports(statement, text)


class Rated(NamedTuple):
    """A statement, a text, and whether people found that the one follows from the other."""

    statement: str
    text: str
    supported: bool


def read_rated(path: Path) -> list[Rated]:
    """Return the rated statements of a rating file, only those of the part to measure on."""
    rated = read(path, _parse)
    return [each for each in rated if part_of(each.text) == "measure"]


def agreement(judge: Judge, rated: Sequence[Rated]) -> Metrics:
    """Return how far a judge agrees with people: accuracy, Cohen's kappa and AUROC.

    Chance for accuracy always gives the commoner label.
    """
    scores = [judge.support(each.statement, each.text) for each in rated]
    labels = [each.supported for each in rated]
    said = [score >= LINE for score in scores]
    commoner = max(sum(labels), len(labels) - sum(labels)) / max(1, len(labels))
    right = [float(a == b) for a, b in zip(said, labels, strict=True)]
    return present(
        {
            "judge_agreement": estimate(right, commoner),
            "judge_kappa": kappa(said, labels),
            "judge_auroc": auroc(scores, labels),
        }
    )


def _parse(record: dict[str, Any], where: str) -> Rated:
    text = next((text for role, text in parse_messages(record, where) if role == "system"), "")
    response, reward = record.get("response"), record.get("reward")
    if not text.startswith(_GIVEN) or not isinstance(response, str):
        raise DataError(f"{where}: no statement rated by a given text")
    if not isinstance(reward, int | float):
        raise DataError(f"{where}: 'reward' must be a number")
    return Rated(response, text.removeprefix(_GIVEN), reward >= LINE)


def _stem(word: str) -> str:
    return word[:6]
