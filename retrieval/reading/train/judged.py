"""Passages that a search brought up for everyday questions, each judged by reading it.

The thing to know: a passage that holds the expected words need not answer, and one that answers may
use others. So here every passage found was read, and the answer marked in those that give it; what
`mining` takes for right and wrong by its words alone is rougher, and free.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from retrieval.reading.train.corpus import records
from retrieval.reading.train.examples import Example
from retrieval.reading.train.labels import Asked, held_out
from retrieval.reading.train.mining import found_example
from retrieval.reading.words import Vocabulary

JUDGED = Path("data/samples/reading/judged.jsonl.xz")  # in a checkout
_RIGHT, _WRONG = 2, 3  # passages of each sort that one question shows in an epoch, at most
_NONE = 2  # those of a question that none answers


class Found(NamedTuple):
    """A passage as the reader sees it; `answer` is a stretch of `text`, "" if it answers not."""

    title: str
    text: str
    answer: str


class JudgedSearch(NamedTuple):
    """A question, the answers that were expected, and the passages that a search found for it."""

    question: str
    expected: tuple[str, ...]
    found: tuple[Found, ...]


def load_judged(path: Path) -> list[JudgedSearch]:
    """Return the questions of a file of records `{question, expected, found: [{title, …}]}`."""
    return [
        JudgedSearch(
            str(record["question"]),
            tuple(record["expected"]),
            tuple(Found(one["title"], one["text"], one["answer"]) for one in record["found"]),
        )
        for record in records(path)
    ]


def kept_back(judged: JudgedSearch) -> bool:
    """Say whether a question is held out to tune and calibrate on, by its words."""
    return held_out(as_asked(judged)._replace(context=judged.question))


def divided(searches: Sequence[JudgedSearch]) -> tuple[list[JudgedSearch], list[JudgedSearch]]:
    """Return what is learnt and what is kept back; no passage of the latter is in the former."""
    kept = [one for one in searches if kept_back(one)]
    texts = {found.text for one in kept for found in one.found}
    learnt = [
        one._replace(found=tuple(found for found in one.found if found.text not in texts))
        for one in searches
        if not kept_back(one)
    ]
    return learnt, kept


def as_asked(judged: JudgedSearch) -> Asked:
    """Return the question without a paragraph: its answers are those expected and those found."""
    found = (one.answer for one in judged.found if one.answer)
    return Asked(judged.question, (*judged.expected, *found), "", "", "judged")


class Searches:
    """Examples from judged passages: of each question some that answer and some that do not."""

    def __init__(self, vocabulary: Vocabulary, questions: Sequence[JudgedSearch]) -> None:
        self._vocabulary = vocabulary
        self._questions = list(questions)

    def endless(self, order: random.Random) -> Iterator[Example]:
        """Yield epoch after epoch, the questions in random order, those of one side by side."""
        searches = count(1)
        while self._questions:
            order.shuffle(self._questions)
            for judged in self._questions:
                search = next(searches)
                for example in self._examples(judged, order):
                    yield example._replace(search=search)

    def _examples(self, judged: JudgedSearch, order: random.Random) -> Iterator[Example]:
        found = order.sample(judged.found, len(judged.found))
        right = [one for one in found if one.answer][:_RIGHT]
        wrong = [one for one in found if not one.answer][: _WRONG if right else _NONE]
        for one in (*right, *wrong):
            answers = [one.answer] if one.answer else []
            example = found_example(self._vocabulary, judged.question, one.title, one.text, answers)
            if example.spans or not answers:
                yield example
