"""Auxiliary tasks of pretraining, written as text that a causal model reads from left to right.

Infilling: spans of a passage are replaced by numbered blanks, and what stood there follows (T5,
arXiv:1910.10683, in the order of fill-in-the-middle, arXiv:2207.14255). Continuity: a passage and
two sentences; which one follows? (StructBERT's task, arXiv:1908.04577, asked as a question.) Only
the answers are trained. The marks are ordinary text, so no token is spent on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.shards import Shard
from chatapp.training.tables import RecipeError

Ids = npt.NDArray[np.int64]

_MASKED = 0.15  # share of a passage that is blanked; T5's
_SPAN = 4  # mean length of a blank, in tokens
_BLANKS = 9
_PASSAGE = (24, 96)  # tokens of a passage to infill, least and most
_SENTENCE = (4, 40)  # tokens of a sentence that can be asked for
_CONTEXT = 64  # most tokens before it
# Parts of a row that these may take, so that a short row too holds whole examples.
_PASSAGE_PART, _SENTENCE_PART, _CONTEXT_PART = 2, 6, 4


@dataclass(frozen=True)
class Example:
    """Token ids and which of them are trained, both of shape (N,)."""

    ids: Ids
    trained: npt.NDArray[np.bool_]


class Task(Protocol):
    """Makes examples out of random places of a text."""

    def example(self, rng: np.random.Generator) -> Example:
        """Return one example; the generator alone decides which."""
        ...


class Infilling:
    """Numbered blanks, then what belongs into each, for rows of `sequence` tokens."""

    def __init__(self, shard: Shard, tokenizer: ChatTokenizer, sequence: int) -> None:
        self._shard = shard
        self._longest = max(8, min(_PASSAGE[1], sequence // _PASSAGE_PART))
        self._start = np.array([tokenizer.end_of_text])
        self._marks = [np.array(tokenizer.encode(f" [{n}]")) for n in range(1, _BLANKS + 1)]
        self._answers = np.array(tokenizer.encode("\nBlanks:"))

    def example(self, rng: np.random.Generator) -> Example:
        """Return `passage with [1] and [2]`, `Blanks: [1] … [2] …`; the answers are trained."""
        passage = _passage(self._shard, self._longest, rng)
        question, answer, position = [self._start], [], 0
        for mark, (start, stop) in zip(self._marks, _spans(len(passage), rng), strict=False):
            question += [passage[position:start], mark]
            answer += [mark, passage[start:stop]]
            position = stop
        asked = np.concatenate([*question, passage[position:], self._answers])
        return _example(asked, np.concatenate([*answer, self._start]))


class Continuity:
    """A passage, two sentences, and the letter of the one that follows; for rows of `sequence`."""

    def __init__(self, shard: Shard, tokenizer: ChatTokenizer, sequence: int) -> None:
        self._shard = shard
        self._start = np.array([tokenizer.end_of_text])
        self._letters = [np.array(tokenizer.encode(f"\n{letter}:")) for letter in "AB"]
        self._ask = np.array(tokenizer.encode("\nNext:"))
        self._replies = [np.array(tokenizer.encode(f" {letter}")) for letter in "AB"]
        self._sentences = _sentences(shard, tokenizer, sequence)
        if len(self._sentences) < 2:
            raise RecipeError(
                "[pretrain.continuity]: the text has no two sentences that fit into a row of "
                f"{sequence} tokens; lengthen pretrain.sequence or leave the table out"
            )

    def example(self, rng: np.random.Generator) -> Example:
        """Return `passage A: … B: … Next: A`; the letter alone is trained."""
        right, wrong = rng.choice(len(self._sentences), size=2, replace=False)
        begin, start, stop = self._sentences[right]
        other = self._sentences[wrong]
        sentences = [self._shard.tokens[start:stop], self._shard.tokens[other[1] : other[2]]]
        place = int(rng.integers(2))  # where the right one stands
        asked = [self._start, self._shard.tokens[begin:start]]
        for number, letter in enumerate(self._letters):
            asked += [letter, sentences[number != place]]
        return _example(np.concatenate([*asked, self._ask]), self._replies[place])


def packed(
    task: Task, sequence: int, rng: np.random.Generator
) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Return `sequence + 1` token ids of examples end to end, and which are trained."""
    examples: list[Example] = []
    length = 0
    while length <= sequence:
        examples.append(task.example(rng))
        length += len(examples[-1].ids)
    ids = np.concatenate([example.ids for example in examples])
    trained = np.concatenate([example.trained for example in examples])
    return ids[: sequence + 1], trained[: sequence + 1]


def _example(asked: npt.NDArray[np.integer], answer: npt.NDArray[np.integer]) -> Example:
    trained = np.repeat([False, True], [len(asked), len(answer)])
    return Example(np.concatenate([asked, answer]).astype(np.int64), trained)


def _passage(shard: Shard, longest: int, rng: np.random.Generator) -> Ids:
    """Return a stretch of one document, from a random place of the text."""
    place = int(rng.integers(len(shard.tokens)))
    document = int(np.searchsorted(shard.offsets, place, side="right")) - 1
    first = int(shard.offsets[document]) + 1  # after its end-of-text mark
    last = int(shard.offsets[document + 1])
    length = int(rng.integers(min(_PASSAGE[0], longest), longest + 1))
    start = max(first, min(place, last - length))
    return np.asarray(shard.tokens[start : min(last, start + length)], dtype=np.int64)


def _spans(length: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw spans to blank: in order, apart from each other, about `_MASKED` of the length."""
    count = min(_BLANKS, max(1, round(length * _MASKED / _SPAN)))
    edges = np.linspace(0, length, count + 1).astype(int)
    spans = []
    for low, high in pairwise(edges):
        size = min(int(rng.geometric(1 / _SPAN)), int(high - low) - 1)
        if size > 0:
            start = int(rng.integers(low, high - size))
            spans.append((start, start + size))
    return spans


def _sentences(shard: Shard, tokenizer: ChatTokenizer, sequence: int) -> npt.NDArray[np.int64]:
    """Return (begin of its context, start, stop) of every sentence that can be asked for."""
    longest = max(8, min(_SENTENCE[1], sequence // _SENTENCE_PART))
    context = max(8, min(_CONTEXT, sequence // _CONTEXT_PART))
    spelled = (tokenizer.decode([token]) for token in range(tokenizer.vocab_size))
    ends = np.array([text.endswith((".", "!", "?")) for text in spelled])
    after = np.flatnonzero(ends[np.asarray(shard.tokens)]) + 1
    document = np.searchsorted(shard.offsets, after - 1, side="right")
    lengths = np.diff(after)
    fits = (document[1:] == document[:-1]) & (_SENTENCE[0] <= lengths) & (lengths <= longest)
    starts, stops = after[:-1][fits], after[1:][fits]
    begins = np.maximum(starts - context, shard.offsets[document[:-1][fits] - 1] + 1)
    return np.stack([begins, starts, stops], axis=1)
