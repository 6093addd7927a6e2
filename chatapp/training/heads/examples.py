"""Labelled examples out of record files.

A record with `first`, `label` and perhaps `second` is one as it stands; a source's `fields` says
which column serves as which (`fields = { first = "question", label = "title" }`). A question with
choices is a multiple choice, and a graded answer an entailment: the conversation is the premise,
the answer the hypothesis, and a grade from one half on means that it follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp.training.heads.inputs import TaskExample
from chatapp.training.readers import RecordError, Row, read_rows
from chatapp.training.recipe import RecipeError, Source
from chatapp.training.records import kind_of


@dataclass(frozen=True)
class Examples:
    """The examples of a task and the names of its classes (none for a choice)."""

    examples: tuple[TaskExample, ...]
    labels: tuple[str, ...]


def read_examples(root: Path, sources: Iterable[Source], task: str, limit: int) -> Examples:
    """Read at most `limit` examples (0 for all).

    Raises:
        RecordError: a record is no example of the task.
        RecipeError: there are none, or all have the same label.
    """
    drafts: list[_Draft] = []
    for source in sources:
        for row in read_rows(root, source):
            if limit and len(drafts) == limit:
                break
            drafts.append(_draft(row, task))
    if task == "choice":
        labels: tuple[str, ...] = ()
    else:
        labels = tuple(sorted({draft.label for draft in drafts}))
        if len(labels) < 2:
            raise RecipeError(
                f"[task]: {len(drafts)} examples of {len(labels)} classes teach nothing"
            )
    numbers = {label: number for number, label in enumerate(labels)}
    return Examples(
        tuple(TaskExample(d.id, d.first, d.others, numbers.get(d.label, d.right)) for d in drafts),
        labels,
    )


@dataclass(frozen=True)
class _Draft:
    """An example whose class is not numbered yet; `right` is the right choice of a choice."""

    id: str
    first: str
    others: tuple[str, ...]
    label: str = ""
    right: int = 0


def _draft(row: Row, task: str) -> _Draft:
    fields = row.fields
    identity = str(fields.get("id") or row.where)
    kind = kind_of(fields)
    if task == "choice":
        return _choice(row, identity)
    if kind == "rating":
        premise = "\n".join(str(message["content"]) for message in fields["messages"])
        follows = "yes" if fields["reward"] >= 0.5 else "no"
        return _Draft(identity, premise, (str(fields["response"]),), follows)
    first, second, label = fields.get("first"), fields.get("second"), fields.get("label")
    others = () if task == "classification" else (second,)
    if not isinstance(first, str) or label is None or not all(isinstance(o, str) for o in others):
        needed = "first and label" if task == "classification" else "first, second and label"
        raise RecordError(
            f"{row.where}: {task} needs {needed}; say with the source's `fields` which columns "
            f"they are, of {', '.join(fields)}"
        )
    return _Draft(identity, first, tuple(str(other) for other in others), str(label))


def _choice(row: Row, identity: str) -> _Draft:
    fields: dict[str, Any] = dict(row.fields)
    choices, answers = fields.get("choices"), fields.get("answers")
    if not choices or not answers or answers[0] not in choices:
        raise RecordError(f"{row.where}: a choice needs choices, and answers with the right one")
    context = fields.get("context")
    asked = f"{context}\n\n{fields['question']}" if context else str(fields["question"])
    return _Draft(identity, asked, tuple(map(str, choices)), right=choices.index(answers[0]))
