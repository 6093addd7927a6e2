"""Answers are written down as they are given, so that a run that was cut short goes on.

The thing to know: an answer counts only for what it was made with. A journal names that in its
first line (model, reader, index, limits) and is not gone on with by anything else; a last
line that was torn off is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatapp.evaluation.grounded.answers import Answer, Answerer, Sampler
from chatapp.evaluation.grounded.citations import Statement
from chatapp.evaluation.schemas import Question


class Journal:
    """Answers by row, question and number of draws, in a file of JSON lines.

    Args:
        path: the file; it is made if it is not there.
        made_with: names whatever an answer depends on.

    Raises:
        ValueError: the file is another journal, or none.
        OSError: it cannot be read or written.
    """

    def __init__(self, path: Path, made_with: Mapping[str, object]) -> None:
        self._known: dict[tuple[str, str, int], list[Answer]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        whole = path.read_bytes().rpartition(b"\n")[0].splitlines()
        first = {"made_with": dict(made_with)}
        if whole:
            self._read(path, whole, first)
        self._file = path.open("r+b")
        self._file.truncate(sum(len(line) + 1 for line in whole))
        self._file.seek(0, 2)
        if not whole:
            self._write(first)

    def known(self, row: str, question: Question, draws: int) -> list[Answer] | None:
        """Return what was answered before, None if nothing was."""
        return self._known.get((row, question.text, draws))

    def note(self, row: str, question: Question, draws: int, answers: Sequence[Answer]) -> None:
        """Write down what was answered."""
        self._known[row, question.text, draws] = list(answers)
        written = [asdict(answer) for answer in answers]
        self._write({"row": row, "question": question.text, "draws": draws, "answers": written})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, path: Path, whole: Sequence[bytes], first: Mapping[str, Any]) -> None:
        try:
            header, *lines = map(json.loads, whole)
            there = header["made_with"]
            for line in lines:
                key = line["row"], line["question"], line["draws"]
                self._known[key] = [_answer(fields) for fields in line["answers"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no journal of answers") from error
        made_with = first["made_with"]
        other = [name for name in {**there, **made_with} if there.get(name) != made_with.get(name)]
        if other:
            raise ValueError(f"the answers in {path} were made with another {', '.join(other)}")

    def _write(self, line: Mapping[str, object]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()


class Kept:
    """An answerer that asks its journal first, where its answers stand under `kept_as`."""

    def __init__(self, answerer: Answerer, journal: Journal, kept_as: str) -> None:
        self.name = answerer.name
        self._answerer, self._journal, self._kept_as = answerer, journal, kept_as

    def answer(self, question: Question) -> Answer:
        """See `Answerer`."""
        known = self._journal.known(self._kept_as, question, 0)
        if known is None:
            known = [self._answerer.answer(question)]
            self._journal.note(self._kept_as, question, 0, known)
        return known[0]


class KeptDraws(Kept):
    """A sampler that asks its journal first."""

    def __init__(self, sampler: Sampler, journal: Journal, kept_as: str) -> None:
        super().__init__(sampler, journal, kept_as)
        self._sampler = sampler

    def draw(self, question: Question, count: int) -> Sequence[Answer]:
        """See `Sampler`."""
        known = self._journal.known(self._kept_as, question, count)
        if known is None:
            known = list(self._sampler.draw(question, count))
            self._journal.note(self._kept_as, question, count, known)
        return known


def _answer(fields: Mapping[str, Any]) -> Answer:
    statements = tuple(
        Statement(each["text"], tuple(each["cited"])) for each in fields["statements"]
    )
    return Answer(**{**fields, "statements": statements})
