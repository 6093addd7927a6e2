"""Task examples as batches, and the loss of a head on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from chatapp.training.answers import Answered, pad_rows
from chatapp.training.heads.inputs import TaskRows
from chatapp.training.heads.model import HeadedGPT


class TaskBatch(NamedTuple):
    """B examples of up to R rows: `tokens` int64 (B, R, T), `lengths` int64 (B, R), 0 for a row
    that is missing, `labels` int64 (B,)."""

    tokens: Tensor
    lengths: Tensor
    labels: Tensor

    @property
    def examples(self) -> int:
        """Number of examples."""
        return len(self.tokens)


def collate(examples: Sequence[TaskRows], padding: int) -> TaskBatch:
    """Lay examples out as one batch."""
    most = max(len(example.rows) for example in examples)
    rows = pad_rows(
        [
            Answered(row, 0)
            for example in examples
            for row in (*example.rows, *[()] * (most - len(example.rows)))
        ],
        padding,
    )
    shape = (len(examples), most)
    labels = torch.tensor([example.label for example in examples])
    return TaskBatch(rows.tokens.view(*shape, -1), rows.lengths.view(shape), labels)


def task_logits(model: HeadedGPT, batch: TaskBatch) -> Tensor:
    """Return the logits of each example's classes, or of its choices.

    A head with one output scores each row, and the rows compete; with more, the rows' outputs are
    added (a paraphrase has two: each order of the pair).
    """
    there = batch.lengths > 0
    outputs = model.at(batch.tokens[there], batch.lengths[there] - 1)
    if outputs.shape[1] == 1:
        blank = torch.full(there.shape, -torch.inf, device=outputs.device)
        return blank.masked_scatter(there, outputs[:, 0])
    spread = torch.zeros(*there.shape, outputs.shape[1], device=outputs.device)
    return spread.masked_scatter(there[..., None], outputs).sum(1)


class TaskObjective:
    """Cross-entropy of the labels, and `weight` times that of the task's own text (GPT-1)."""

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def __call__(self, model: HeadedGPT, batch: TaskBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss summed over the examples, and how many were right."""
        logits = task_logits(model, batch)
        loss = functional.cross_entropy(logits, batch.labels, reduction="sum")
        sums = {"accuracy": (logits.argmax(1) == batch.labels).float().sum()}
        if self._weight > 0:
            text = _text_loss(model, batch) * batch.examples
            loss = loss + self._weight * text
            sums["text_loss"] = text
        return loss, sums


def _text_loss(model: HeadedGPT, batch: TaskBatch) -> Tensor:
    """Mean loss of the next token over the rows' text, in nats."""
    there = batch.lengths > 0
    tokens, lengths = batch.tokens[there], batch.lengths[there]
    inside = torch.arange(1, tokens.shape[1], device=tokens.device)[None] < lengths[:, None]
    # a soft prompt's ids are no words to predict
    inside &= tokens[:, 1:] < model.gpt.config.vocab_size
    logits = model.gpt.head(model.gpt.hidden(tokens[:, :-1])[inside]).float()
    return functional.cross_entropy(logits, tokens[:, 1:][inside])
