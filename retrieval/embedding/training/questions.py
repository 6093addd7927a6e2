"""Questions to learn from, each with a passage that answers it and one that only looks like it.

The thing to know: only the learning part of every file is read (`retrieval.splits`), and a
paragraph that shares twelve words in a row with one of the measuring part is dropped, whatever
file it stands in, because several of these sets are made from the same articles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.chunking import chunk
from retrieval.embedding.training.bm25 import Bm25
from retrieval.embedding.training.corpus import Numbering, Piece
from retrieval.loaders.records import read_lines
from retrieval.splits import part_of
from retrieval.squad import contains_answer
from retrieval.terms import STOP_WORDS, words

# Sets whose questions a paragraph or an encyclopaedia answers.
FILES = (
    "squad-v1.1-dev-a",
    "squad-v2.0-dev-a",
    "squad-train-sample",
    "t0-reading",
    "clapnq-dev",
    "clapnq-train-longform",
    "qed-dev",
    "boolq-dev-a",
    "covidqa",
    "pubmedqa",
    "webquestions",
    "efficientqa",
    "triviaqa-subset",
    "hotpotqa-dev",
    "opentriviaqa",
)
_HELD_BACK = 26  # of 256: a tenth of the learning part is kept for fitting what comes after
_RUN = 12  # words in a row that make two paragraphs the same text
_CANDIDATES = 60
_POSITIVES = 2
_NEGATIVES = 4
_SHORTEST_ANSWER = 3  # characters; "No" and "8" stand everywhere


@dataclass(frozen=True)
class Asked:
    """A question of the learning part; `context` is "" where none came with it."""

    text: str
    answers: tuple[str, ...]
    context: str
    title: str


@dataclass(frozen=True)
class Lesson:
    """A question with the numbers of passages that answer it and of some that do not."""

    question: str
    right: tuple[int, ...]
    wrong: tuple[int, ...]


def is_held_back(question: str, *, title: str = "", context: str = "") -> bool:
    """Whether a question of the learning part teaches the embedder nothing.

    Fitting a blend on questions that the embedder has learnt by heart would trust it too much.
    """
    key = title.replace("_", " ") if title and context else question
    return hashlib.md5(key.casefold().encode(), usedforsecurity=False).digest()[0] < _HELD_BACK


def read_questions(directory: Path) -> list[Asked]:
    """Return the learning part of the question files in `directory`."""
    records = [record for name in FILES for record in _records(directory, name)]
    held = {
        run
        for record in records
        if record["context"] and _part(record) == "measure"
        for run in _runs(record["context"])
    }
    return [
        Asked(
            record["question"],
            tuple(record["answers"]),
            record["context"] or "",
            (record["title"] or "").replace("_", " "),
        )
        for record in records
        if _part(record) == "learn"
        and record["answers"]
        and not (record["context"] and any(run in held for run in _runs(record["context"])))
    ]


def _records(directory: Path, name: str) -> Iterator[dict[str, Any]]:
    for file in sorted(directory.glob(f"{name}.jsonl*")):
        for _, _, line in read_lines(file):
            yield json.loads(line)


def _part(record: dict[str, Any]) -> str:
    return part_of(record["question"], title=record["title"] or "", context=record["context"] or "")


def _runs(text: str) -> Iterator[int]:
    found = words(text.casefold())
    for start in range(max(1, len(found) - _RUN + 1)):
        yield hash(tuple(found[start : start + _RUN]))


def contexts(questions: Sequence[Asked], first_document: int) -> tuple[list[Piece], list[int]]:
    """Return the paragraphs that came with questions as passages, and for each question the
    number of its passage among them (-1: it came without)."""
    pieces: list[Piece] = []
    starts: dict[tuple[str, str], int] = {}
    own: list[int] = []
    for question in questions:
        if not question.context:
            own.append(-1)
            continue
        key = (question.title, question.context)
        if key not in starts:
            starts[key] = len(pieces)
            document = first_document + len(starts) - 1
            for part in chunk(question.context):
                text = question.context[part.start : part.end]
                pieces.append(Piece(f"{question.title}\n{part.heading}", text, document))
        own.append(_holding(question, pieces, starts[key]))
    return pieces, own


def _holding(question: Asked, pieces: Sequence[Piece], start: int) -> int:
    """Return which passage of its paragraph holds the answer (the first, if none can be told)."""
    document = pieces[start].document
    for place in range(start, len(pieces)):
        if pieces[place].document != document:
            break
        if contains_answer(pieces[place].text, question.answers):
            return place
    return start


def lessons(
    questions: Sequence[Asked],
    own: Sequence[int],
    pieces: Sequence[Piece],
    numbering: Numbering,
    search: Bm25,
) -> Iterator[Lesson]:
    """Yield what can be learnt from each question.

    A question without a paragraph takes the passages that hold its answer among the best for the
    words of question and answer (distant supervision, Mintz et al. 2009); one that finds none is
    left out. `own` are numbers of passages, -1 for none.
    """
    for question, paragraph in zip(questions, own, strict=True):
        asked = _content(numbering, question.text)
        answers = [a for a in question.answers if len(a) >= _SHORTEST_ANSWER]
        if not words(question.text) or (paragraph < 0 and not answers):
            continue
        if is_held_back(question.text, title=question.title, context=question.context):
            continue
        right = [paragraph] if paragraph >= 0 else []
        if not right:
            near = search.best([*asked, *_content(numbering, answers[0])], _CANDIDATES)
            right = [p for p in near.tolist() if _holds(pieces[p], answers)][:_POSITIVES]
            if not right:
                continue
        near = search.best(asked, _CANDIDATES)
        wrong = [p for p in near.tolist() if p not in right and not _holds(pieces[p], answers)]
        yield Lesson(question.text, tuple(right), tuple(wrong[:_NEGATIVES]))


def _content(numbering: Numbering, text: str) -> list[int]:
    return [
        number for number in numbering.numbers(text) if numbering.names[number] not in STOP_WORDS
    ]


def _holds(piece: Piece, answers: Sequence[str]) -> bool:
    lowered = piece.text.lower()
    likely = [answer for answer in answers if answer.lower()[:4] in lowered]  # the cheap look first
    return bool(likely) and contains_answer(piece.text, likely)
