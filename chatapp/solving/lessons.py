"""Worked problems to learn from: records of reasoning, traced to programs, with numbers exchanged.

The thing to know: a program holds for other numbers too, so half of the problems are shown with
some of their numbers changed.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from chatapp.solving.network import Problems, Said
from chatapp.solving.problems import Read, collate, read
from chatapp.solving.programs import (
    CONSTANTS,
    OPERANDS,
    NotTaught,
    Taught,
    answers_like,
    reaches,
    taught,
)
from chatapp.solving.quantities import DIGITS, MOST, Quantity, quantities
from retrieval.loaders.records import read_lines

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SAMPLES = Path("data/samples")  # in a checkout
WRITTEN = _SAMPLES / "problems" / "problems.jsonl.xz"
# What has numbers in it and asks for no arithmetic: questions on texts, everyday talk.
OTHERS = (
    _SAMPLES / "problems" / "others.jsonl.xz",
    _SAMPLES / "reading" / "twins.jsonl.xz",
    _SAMPLES / "reading" / "notes.jsonl.xz",
    _SAMPLES / "talk" / "talk.jsonl.xz",
)
_MARK = re.compile(r"<<([^<>=]*)=([^<>]*)>>")
_HELD_OUT = 0.05
_EXCHANGED = 0.5  # share of problems shown with other numbers
_POOL = 16  # batches whose problems are sorted by length together
_SPOKEN = 10  # numbers up to it are mostly counts, and changed to such


class Worked(NamedTuple):
    """A problem with its answer and its program; without both it is a text of another kind."""

    text: str
    answer: str
    program: tuple[Taught, ...]
    source: str


class Lesson(NamedTuple):
    """A batch with what is right, as `Choices` has its logits: more than one operand may be."""

    problems: Problems
    said: Said
    operations: torch.Tensor  # (batch, steps + 1), -100 beyond the end
    lefts: torch.Tensor  # (batch, steps, operands) bool
    rights: torch.Tensor


def load(files: Iterable[Path]) -> list[Worked]:
    """Return the problems of `files` whose marked steps can be traced and reach their answer."""
    found = []
    for file in files:
        source = file.name.partition(".jsonl")[0]
        for _, _, line in read_lines(file):
            record = json.loads(line)
            text = str(record["question"])
            answer, numbers = str(record["answer"]), quantities(text)
            try:
                program = taught(_MARK.findall(record["solution"]), numbers)
            except NotTaught:
                continue
            outcome = reaches(program, numbers)
            if outcome is not None and answers_like(outcome, answer):
                found.append(Worked(text, answer, tuple(program), source))
    return found


def others(files: Iterable[Path], fewest: int) -> list[Worked]:
    """Return questions and messages of `files` with at least `fewest` numbers: no problems."""
    texts: dict[str, None] = {}
    for file in files:
        for _, _, line in read_lines(file):
            record = json.loads(line)
            said = record.get("messages", [{"content": record.get("question", "")}])
            texts.update(dict.fromkeys(str(message["content"]) for message in said[::2]))
    return [Worked(text, "", (), "others") for text in texts if len(quantities(text)) >= fewest]


def held_out(worked: Worked) -> bool:
    """Say whether a problem is kept to choose and to calibrate by."""
    digest = hashlib.sha256(f"chatapp solver held out\n{worked.text}".encode()).digest()
    return int.from_bytes(digest[:8]) < _HELD_OUT * 2**64


def lessons(
    worked: Sequence[Worked], tokenizer: Tokenizer, size: int, order: random.Random
) -> Iterator[Lesson]:
    """Yield batches of problems of about the same length, without end."""
    while True:
        numbers = list(range(len(worked)))
        order.shuffle(numbers)
        for begin in range(0, len(numbers), size * _POOL):
            chosen = [worked[number] for number in numbers[begin : begin + size * _POOL]]
            chosen.sort(key=lambda one: len(one.text))
            groups = [chosen[n : n + size] for n in range(0, len(chosen), size)]
            order.shuffle(groups)
            for group in groups:
                texts = [
                    exchanged(one, order) if order.random() < _EXCHANGED else one.text
                    for one in group
                ]
                reads = [read(text, tokenizer) for text in texts]
                yield lesson(reads, [one.program for one in group], order)


def lesson(
    reads: Sequence[Read], programs: Sequence[Sequence[Taught]], order: random.Random
) -> Lesson:
    """Return a batch; of several places that an operand may come from, one by chance is said."""
    batch, steps = len(reads), max(1, *(len(program) for program in programs))
    said = torch.zeros(3, batch, steps, dtype=torch.long)
    operations = torch.full((batch, steps + 1), -100)
    right = torch.zeros(2, batch, steps, OPERANDS, dtype=torch.bool)
    for row, program in enumerate(programs):
        for number, step in enumerate(program):
            said[0, row, number] = operations[row, number] = step.operation
            for side, places in enumerate((step.lefts, step.rights)):
                said[1 + side, row, number] = order.choice(places)
                right[side, row, number, list(places)] = True
        operations[row, len(program)] = 0
    return Lesson(collate(reads), Said(*said), operations, right[0], right[1])


def exchanged(worked: Worked, order: random.Random) -> str:
    """Return the text with some of its whole numbers in digits changed, equal ones alike.

    A number up to ten becomes another count, a longer one keeps its digits and their zeros. What is
    common knowledge, such as 60, stays, and so does what may have come from elsewhere as well: as a
    word of the text, or as an earlier result.
    """
    text, numbers = worked.text, quantities(worked.text)
    fixed = {value for value in CONSTANTS if value > _SPOKEN} | _settled(worked.program, numbers)
    new: dict[Fraction, str] = {}
    parts, at = [], 0
    for quantity in numbers:
        value = quantity.value
        if not _changeable(quantity, text) or value in fixed or value < 2:
            continue
        if value not in new:
            if value <= _SPOKEN:
                other = order.randint(2, _SPOKEN)
            else:
                ten = 10 ** (len(str(value)) - 2)
                exact = value % ten or ten == 1
                other = order.randint(11, 99) * ten + (order.randrange(ten) if exact else 0)
            new[value] = str(other)
        parts += [text[at : quantity.start], new[value]]
        at = quantity.end
    return "".join([*parts, text[at:]])


def _changeable(quantity: Quantity, text: str) -> bool:
    return quantity.kind == DIGITS and text[quantity.start : quantity.end].isdigit()


def _settled(program: Sequence[Taught], numbers: Sequence[Quantity]) -> set[Fraction]:
    """Return the values of operands that are taught to come from places of unlike kinds."""
    found: set[Fraction] = set()
    for step in program:
        for places in (step.lefts, step.rights):
            digits = [n for n in places if n < MOST and numbers[n].kind == DIGITS]
            if len(digits) < len(places):
                found.update(numbers[n].value for n in digits)
    return found
