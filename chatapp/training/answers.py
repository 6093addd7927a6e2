"""Prompts with one answer each as right-padded rows, and the probabilities a model gives them.

Reward modelling, DPO and PPO all look at answers to prompts. Padding is on the right: attention is
causal, so what a row's real tokens see does not change with its neighbours' lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer


@dataclass(frozen=True)
class Answered:
    """Token ids of a prompt and an answer; the first `prompt` of them are the prompt."""

    ids: tuple[int, ...]
    prompt: int


class Rows(NamedTuple):
    """`tokens` int64 (B, T), padded on the right; `prompts` and `lengths` int64 (B,)."""

    tokens: Tensor
    prompts: Tensor
    lengths: Tensor

    def to(self, device: torch.device) -> Rows:
        """Copy to a device."""
        return Rows(self.tokens.to(device), self.prompts.to(device), self.lengths.to(device))

    def select(self, index: Tensor) -> Rows:
        """Return some of the rows, with the columns that only the others needed cut off."""
        lengths = self.lengths[index]
        return Rows(self.tokens[index, : int(lengths.max())], self.prompts[index], lengths)


def encode_answer(
    tokenizer: ChatTokenizer, messages: Sequence[tuple[str, str]], answer: str
) -> Answered:
    """Encode a prompt, the answer and the token that ends the assistant's turn."""
    prompt = tokenizer.encode_prompt(messages)
    ids = [*prompt, *tokenizer.encode(answer.strip()), tokenizer.end_of_turn]
    return Answered(tuple(ids), len(prompt))


def pad_rows(answers: Sequence[Answered], padding: int) -> Rows:
    """Lay answers out as rows of equal length."""
    lengths = torch.tensor([len(answer.ids) for answer in answers])
    tokens = torch.full((len(answers), int(lengths.max())), padding)
    for row, answer in enumerate(answers):
        tokens[row, : len(answer.ids)] = torch.tensor(answer.ids)
    return Rows(tokens, torch.tensor([answer.prompt for answer in answers]), lengths)


def answer_mask(rows: Rows) -> Tensor:
    """Say which tokens belong to the answers, as bool (B, T - 1): column t stands for token t + 1.

    Column t is also the position whose hidden state predicts that token.
    """
    place = torch.arange(1, rows.tokens.shape[1], device=rows.tokens.device)[None, :]
    return (place >= rows.prompts[:, None]) & (place < rows.lengths[:, None])


class AnswerScores(NamedTuple):
    """What a model makes of answers: both float32 (B, T - 1), 0 outside the answers.

    `logprobs` are log-probabilities of the tokens, `entropy` that of the distribution before each,
    in nats.
    """

    logprobs: Tensor
    entropy: Tensor


def score_answers(model: GPT, rows: Rows) -> AnswerScores:
    """Score every token of the answers under the model; gradients flow.

    Logits are computed at the answers' positions alone: the head is a large part of a small model.
    """
    mask = answer_mask(rows)
    logits = model.head(model.hidden(rows.tokens[:, :-1])[mask]).float()
    logprobs = -functional.cross_entropy(logits, rows.tokens[:, 1:][mask], reduction="none")
    with torch.no_grad():
        distribution = logits.log_softmax(-1)
        entropy = -(distribution.exp() * distribution).sum(-1)
    blank = torch.zeros(mask.shape, device=mask.device)
    return AnswerScores(blank.masked_scatter(mask, logprobs), blank.masked_scatter(mask, entropy))
