"""Statements beside what they rest on: people's ratings, and answers put back into their question.

The thing to know: ratings are divided by the text that was rated against, so a text learnt from is
never one that measures.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from retrieval.reading.batch import encode_passage, encode_question
from retrieval.reading.kinds import STATEMENT
from retrieval.reading.train.corpus import records
from retrieval.reading.train.examples import Example
from retrieval.reading.train.labels import Asked
from retrieval.reading.words import Vocabulary, key_of
from retrieval.splits import Part, part_of

_PREFIX = "Answer from this text only: "


class Rated(NamedTuple):
    """A statement, the text it should rest on, and whether it does."""

    statement: str
    evidence: str
    supported: bool


def ratings(data: Path, part: Part) -> list[Rated]:
    """Return the rated statements of one part of `preference/ratings-groundedness`."""
    found = []
    for record in records(next((data / "preference").glob("ratings-groundedness.jsonl*"))):
        rated = _rated(record)
        if part_of(rated.evidence) == part:
            found.append(rated)
    return found


def held_out_rating(rated: Rated) -> bool:
    """Say whether a rating to learn from is kept to tune on, by its evidence."""
    return key_of(rated.evidence) % 5 == 0


def _rated(record: dict[str, Any]) -> Rated:
    evidence = record["messages"][0]["content"].removeprefix(_PREFIX)
    return Rated(record["response"], evidence, record["reward"] >= 0.5)


def answered(questions: Sequence[Asked], order: random.Random) -> Iterator[Rated]:
    """Yield question and answer as one statement: the right one, or that of another question."""
    others: dict[str, set[str]] = defaultdict(set)
    for asked in questions:
        others[asked.context].update(asked.answers[:1])
    for asked in questions:
        if not asked.answers:
            continue
        right = order.random() < 0.5
        wrong = sorted(others[asked.context] - set(asked.answers))
        if right or wrong:
            answer = asked.answers[0] if right else order.choice(wrong)
            yield Rated(f"{asked.question.rstrip('? ')} {answer}", asked.context, right)


def as_example(vocabulary: Vocabulary, rated: Rated) -> Example:
    """Return a rated statement as something to learn from."""
    passage, _ = encode_passage(vocabulary.encode(""), vocabulary.encode(rated.evidence))
    statement = encode_question(vocabulary.encode(rated.statement))
    return Example(statement, passage, STATEMENT, (), False, support=float(rated.supported))
