"""One thing to learn from: a question, a passage, and what is right about the pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from retrieval.reading.batch import Encoded, collate
from retrieval.reading.network import LONGEST, Side

UNKNOWN = -1.0  # a judgement that an example says nothing about


class Example(NamedTuple):
    """`spans` are token positions (first, last) in the passage side; none: no answer.

    `reads` is False where no span is asked for (a statement); judgements are 0, 1 or UNKNOWN.
    Examples of one `search` are passages found for one question, to be told apart; 0: of none.
    """

    question: Encoded
    passage: Encoded
    kind: int
    spans: tuple[tuple[int, int], ...]
    reads: bool = True
    relevance: float = UNKNOWN
    support: float = UNKNOWN
    search: int = 0


class Batch(NamedTuple):
    """Padded examples. `spans` marks right spans, (batch, passage, 24) as in `network.Judged`."""

    question: Side
    passage: Side
    kind: Tensor
    spans: Tensor
    reads: Tensor
    relevance: Tensor
    support: Tensor
    search: Tensor


def make_batch(examples: Sequence[Example]) -> Batch:
    """Return the examples as one batch."""
    passage = collate([example.passage for example in examples])
    size, length = passage.keys.shape
    spans = np.zeros((size, length, LONGEST), dtype=bool)
    for number, example in enumerate(examples):
        for first, last in example.spans:
            spans[number, first, min(last - first, LONGEST - 1)] = True
    return Batch(
        collate([example.question for example in examples]),
        passage,
        torch.tensor([example.kind for example in examples]),
        torch.from_numpy(spans),
        torch.tensor([example.reads for example in examples]),
        torch.tensor([example.relevance for example in examples]),
        torch.tensor([example.support for example in examples]),
        torch.tensor([example.search for example in examples]),
    )
