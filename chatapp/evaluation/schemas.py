"""The record schemas that the suites measure on: one type and one parser for each.

A parser takes a JSON object and the words that name its place, and raises `DataError` with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp.evaluation.records import DataError, choose, read

Message = tuple[str, str]
"""Role and content of one turn."""


@dataclass(frozen=True)
class Question:
    """One qa record: `answers` is empty exactly when the question is unanswerable.

    `choices` is empty for a free question; `title` and `context` may be.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()
    context: str = ""
    title: str = ""

    @property
    def answerable(self) -> bool:
        """Say whether the data set holds an answer."""
        return bool(self.answers)


@dataclass(frozen=True)
class Text:
    """One pretrain or knowledge record."""

    id: str
    text: str


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences of which one is acceptable, as in BLiMP."""

    id: str
    good: str
    bad: str


@dataclass(frozen=True)
class Problem:
    """One reasoning record; `solution` is empty where the data set has none."""

    id: str
    question: str
    solution: str
    answer: str


@dataclass(frozen=True)
class CodeTask:
    """One code record. `entry_point` is the function that HumanEval's tests call, or empty."""

    id: str
    prompt: str
    code: str
    tests: str
    entry_point: str


@dataclass(frozen=True)
class Preference:
    """Two answers to the same turns, of which a person preferred one."""

    id: str
    messages: tuple[Message, ...]
    chosen: str
    rejected: str
    source: str


def read_questions(path: Path) -> Iterator[Question]:
    """Yield the questions of a qa file; see `read`."""
    return read(path, parse_question)


def sample(paths: Sequence[Path], limit: int | None, seed: int) -> list[Question]:
    """Return `limit` questions of all files together; see `choose`."""
    questions = [question for path in paths for question in read_questions(path)]
    return choose(questions, limit, seed)


def parse_question(record: dict[str, Any], where: str) -> Question:
    """Make a question of a qa record."""
    text = _text(record, "question", where)
    answers = _texts(record, "answers", where)
    if bool(record.get("unanswerable", False)) == bool(answers):
        raise DataError(f"{where}: 'answers' must be empty exactly when 'unanswerable' is true")
    return Question(
        _identity(record, where),
        text,
        answers,
        choices=_texts(record, "choices", where) if record.get("choices") else (),
        context=str(record.get("context") or ""),
        title=str(record.get("title") or ""),
    )


def parse_choice(record: dict[str, Any], where: str) -> Question:
    """Make a question with choices of a qa record, of which some are right and some wrong."""
    question = parse_question(record, where)
    if len(question.choices) < 2:
        raise DataError(
            f"{where}: multiple choice needs at least two 'choices'",
            hint="questions without choices are measured by `chatapp eval qa`.",
        )
    right = sum(choice in question.answers for choice in question.choices)
    if not 0 < right < len(question.choices):
        raise DataError(f"{where}: {right} of the 'choices' stand in 'answers'; one should")
    return question


def parse_text(record: dict[str, Any], where: str) -> Text:
    """Make a text of a pretrain or knowledge record."""
    return Text(_identity(record, where), _text(record, "text", where))


def parse_minimal_pair(record: dict[str, Any], where: str) -> MinimalPair:
    """Make a minimal pair of a record in BLiMP's own form."""
    good, bad = _text(record, "sentence_good", where), _text(record, "sentence_bad", where)
    return MinimalPair(_identity(record, where), good, bad)


def parse_problem(record: dict[str, Any], where: str) -> Problem:
    """Make a problem of a reasoning record."""
    return Problem(
        _identity(record, where),
        _text(record, "question", where),
        str(record.get("solution") or ""),
        _text(record, "answer", where),
    )


def parse_code(record: dict[str, Any], where: str) -> CodeTask:
    """Make a task of a code record; its tests are a list of statements (MBPP) or one text."""
    tests = record.get("tests")
    joined = tests if isinstance(tests, str) else "\n".join(_texts(record, "tests", where))
    if not joined.strip():
        raise DataError(f"{where}: 'tests' is empty, so any program would pass")
    return CodeTask(
        _identity(record, where),
        _text(record, "prompt", where),
        str(record.get("code") or ""),
        joined,
        str(record.get("entry_point") or ""),
    )


def parse_preference(record: dict[str, Any], where: str) -> Preference:
    """Make a pair of answers of a preference record."""
    return Preference(
        _identity(record, where),
        parse_messages(record, where),
        _text(record, "chosen", where),
        _text(record, "rejected", where),
        str(record.get("source") or "unnamed"),
    )


def parse_messages(record: dict[str, Any], where: str) -> tuple[Message, ...]:
    """Return the turns of a record as pairs."""
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DataError(f"{where}: 'messages' must be a list of turns")
    pairs = []
    for message in messages:
        match message:
            case {"role": "system" | "user" | "assistant" | "tool" as role, "content": str(text)}:
                pairs.append((str(role), text))
            case _:
                raise DataError(f"{where}: a turn needs a 'role' and a text 'content'")
    return tuple(pairs)


def _identity(record: dict[str, Any], where: str) -> str:
    return str(record.get("id", where))


def _text(record: dict[str, Any], field: str, where: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: '{field}' must be text")
    return value


def _texts(record: dict[str, Any], field: str, where: str) -> tuple[str, ...]:
    values = record.get(field)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataError(f"{where}: '{field}' must be a list of texts")
    return tuple(values)
