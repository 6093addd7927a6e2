"""Questions with their gold answers, read from record files (`.jsonl` or `.jsonl.xz`).

A record that does not fit the schema stops the run with its file and line: a figure over "most of
the file" would look like a figure over the file.
"""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

SCHEMA_HINT = "a qa record is a JSON object with id, question, answers and unanswerable."


class DataError(ValueError):
    """A data file that cannot be used; the message names the file and, where known, the line."""

    def __init__(self, message: str, *, hint: str = SCHEMA_HINT) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MissingData(DataError):
    """A data file that is not there."""


@dataclass(frozen=True)
class Question:
    """One qa record: `answers` is empty exactly when the question is unanswerable."""

    id: str
    text: str
    answers: tuple[str, ...]

    @property
    def answerable(self) -> bool:
        """Say whether the data set holds an answer."""
        return bool(self.answers)


def read_questions(path: Path) -> Iterator[Question]:
    """Yield the questions of one file, in its order.

    Raises:
        MissingData: there is no such file.
        DataError: it cannot be read or unpacked, holds no record, or one is malformed.
    """
    line = 0
    try:
        with _open(path) as lines:
            for line, text in enumerate(lines, start=1):
                if text.strip():
                    yield _question(text, f"{path}, line {line}")
    except FileNotFoundError as error:
        raise MissingData(f"{path} does not exist", hint="check the path.") from error
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read {path} after line {line}: {error}", hint="fetch or unpack it again."
        ) from error
    if line == 0:
        raise DataError(f"{path} is empty")


def sample(paths: Sequence[Path], limit: int | None, seed: int) -> list[Question]:
    """Return `limit` questions of all files, chosen by a shuffle that the seed fixes.

    A larger limit with the same seed keeps the questions of the smaller one.
    """
    questions = [question for path in paths for question in read_questions(path)]
    random.Random(seed).shuffle(questions)
    return questions[:limit]


def _open(path: Path) -> TextIO:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _question(line: str, where: str) -> Question:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}") from error
    if not isinstance(record, dict):
        raise DataError(f"{where}: not a JSON object")
    text, answers = record.get("question"), record.get("answers")
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{where}: 'question' must be text")
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise DataError(f"{where}: 'answers' must be a list of texts")
    if bool(record.get("unanswerable", False)) == bool(answers):
        raise DataError(f"{where}: 'answers' must be empty exactly when 'unanswerable' is true")
    return Question(str(record.get("id", where)), text, tuple(answers))
