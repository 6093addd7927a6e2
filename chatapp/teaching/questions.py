"""Questions to teach with, out of record files, each with its paragraph.

The thing to know: unless the other part is asked for, nothing here yields a question that is kept
for measuring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chatapp.training.readers import read_rows
from chatapp.training.recipe import Source
from retrieval.splits import Part, part_of


@dataclass(frozen=True)
class Taught:
    """A question; `answers` is empty when `context` does not hold the answer."""

    id: str
    question: str
    answers: tuple[str, ...]
    title: str
    context: str


def questions(root: Path, paths: Iterable[str], part: Part = "learn") -> Iterator[Taught]:
    """Yield the questions of qa files below `root` that belong to the part.

    Raises:
        RecordError: a record is no question.
    """
    for path in paths:
        for row in read_rows(root, Source(path)):
            fields = row.fields
            question, context = str(fields["question"]), str(fields.get("context") or "")
            title = str(fields.get("title") or "")
            if part_of(question, title=title, context=context) == part:
                answers = tuple(str(answer) for answer in fields.get("answers") or ())
                yield Taught(str(fields.get("id") or row.where), question, answers, title, context)
