"""Rounds of real dialogue with the questions that ask for them, ready to be compared.

The questions were written for this project, each after reading a round, in other words than its
own. The thing to know: dialogues of which the memory benchmark asks are left out.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chatapp.memory.contexts import READ_CHARACTERS, piece_shares
from chatapp.memory.weighing import Term, Weighed, Weighing, rarity, weighed
from retrieval.loaders.records import read_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

DIALOGUES = ("self-dialogue", "topical-chat")
Pair = tuple[str, str]
"""What a person said, and what was answered."""


@dataclass(frozen=True)
class Asked:
    """A question and the round that it asks for."""

    question: str
    round: Pair
    source: str


def read_asked(path: Path) -> list[Asked]:
    """Return the questions in a file of JSON lines."""
    rows = (json.loads(line) for _, _, line in read_lines(path))
    return [Asked(r["question"], (r["user"], r["assistant"]), r["source"]) for r in rows]


def other_rounds(directory: Path, without: set[str], count: int, seed: int) -> list[Pair]:
    """Return rounds of dialogues whose names, as file/id, are not in `without`."""
    found = list(_rounds(directory, without))
    return random.Random(seed).sample(found, min(count, len(found)))


def _rounds(directory: Path, without: set[str]) -> Iterator[Pair]:
    for name in DIALOGUES:
        for _, _, line in read_lines(next(directory.glob(f"{name}.jsonl*"))):
            record = json.loads(line)
            if f"{name}/{record['id']}" in without:
                continue
            for one, two in pairwise(record["messages"]):
                if one["role"] == "user" and two["role"] == "assistant":
                    yield one["content"], two["content"]


@dataclass(frozen=True)
class Question:
    """A question as it is compared; weights of its pieces (without the marks) as in `contexts`."""

    ids: list[int]
    terms: list[Term]
    weights: list[float]
    every: NDArray[np.float32]
    only: NDArray[np.float32]


@dataclass(frozen=True)
class Round:
    """A round as it is compared: its pieces, how many of them were said, its stems."""

    ids: list[int]
    said: int
    own: set[str]
    other: set[str]


class Preparer:
    """Cuts texts into pieces and weighs words by how rare they are in `rounds`."""

    def __init__(self, tokenizer: Tokenizer, rounds: Sequence[Pair]) -> None:
        self._tokenizer, self._weighing = tokenizer, Weighing()
        self._count = Counter(
            stem for pair in rounds for stem in self._weighing.stems(" ".join(pair))
        )
        self._rounds = len(rounds)

    def question(self, text: str) -> Question:
        """Return a question as recall compares it."""
        terms = self._weighing.terms(text)
        weights = [rarity(self._count[term.stem], self._rounds) for term in terms]
        encoded = self._tokenizer.encode(text)
        offsets = np.array(encoded.offsets[1:-1], np.int64).reshape(-1, 2)
        shares = piece_shares(text, offsets, terms, weights, self._weighing)
        return Question(encoded.ids, terms, weights, *shares)

    def round(self, pair: Pair) -> Round:
        """Return a round as recall keeps it."""
        said, answered = (text[:READ_CHARACTERS] for text in pair)
        encoded = self._tokenizer.encode(f"{said} {answered}")
        count = sum(end <= len(said) for _, end in encoded.offsets[1:-1])
        return Round(encoded.ids, count, *(self._weighing.stems(text) for text in pair))


def lexical(question: Question, one: Round) -> Weighed:
    """Return what recall knows without an encoder: share of the words held, and length."""
    return weighed(question.terms, question.weights, one.own, one.other)
