"""Problems as the network reads them: pieces, marks on numbers, and batches of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from chatapp.solving.network import Problems
from chatapp.solving.programs import values
from chatapp.solving.quantities import LONGEST, MOST, Quantity, quantities

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Read(NamedTuple):
    """A problem: its pieces, the kinds of the numbers they belong to (0: none), its numbers."""

    ids: list[int]
    marks: list[int]
    firsts: list[int]
    numbers: list[Quantity]


def read(text: str, tokenizer: Tokenizer) -> Read:
    """Return `text` in pieces; numbers beyond the 256th piece are left out."""
    encoding = tokenizer.encode(text)
    ids, offsets = list(encoding.ids[:LONGEST]), encoding.offsets[:LONGEST]
    marks = [0] * len(ids)
    firsts, numbers = [], []
    for quantity in quantities(text):
        own = [
            place
            for place, (start, end) in enumerate(offsets)
            if start < quantity.end and end > quantity.start and end > start
        ]
        if not own:
            continue
        for place in own:
            marks[place] = 1 + quantity.kind
        firsts.append(own[0])
        numbers.append(quantity)
    return Read(ids, marks, firsts, numbers)


def collate(problems: Sequence[Read]) -> Problems:
    """Return a batch, padded to its longest problem."""
    length = max(len(problem.ids) for problem in problems)
    ids = torch.zeros(len(problems), length, dtype=torch.long)
    marks = torch.zeros_like(ids)
    firsts = torch.zeros(len(problems), MOST, dtype=torch.long)
    there = torch.zeros(len(problems), 2 * MOST, dtype=torch.bool)
    for row, problem in enumerate(problems):
        ids[row, : len(problem.ids)] = torch.tensor(problem.ids)
        marks[row, : len(problem.marks)] = torch.tensor(problem.marks)
        if problem.firsts:
            firsts[row, : len(problem.firsts)] = torch.tensor(problem.firsts)
        worth = values(problem.numbers)[: 2 * MOST]
        there[row] = torch.tensor([value is not None for value in worth])
    return Problems(ids, marks, firsts, there)
