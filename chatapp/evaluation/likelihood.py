"""How likely a model finds a text after another: the measurement under every suite that samples
nothing.

Sequences are batched by length with padding on the right, which causal attention cannot see, and
only the positions that are asked for go through the head. A sequence longer than the model reads
loses its beginning, never what is scored; how many did is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from chatapp.evaluation.records import DataError
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer

_BATCH_TOKENS = 4096  # padded tokens in one forward pass
_HEAD_ROWS = 2048  # positions whose logits are in memory at once


@dataclass(frozen=True)
class Request:
    """Token ids of which those from `start` (at least 1) on are scored given all before them."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Scored:
    """Natural log-probability of the scored ids, and whether each was the likeliest one.

    `greedy` is None from a scorer that does not look for the likeliest.
    """

    log_prob: float
    greedy: bool | None
    tokens: int


class Scorer(Protocol):
    """Whatever gives log-probabilities: the model, or a baseline beside it."""

    def score(self, requests: Sequence[Request], done: Callable[[int], object]) -> list[Scored]:
        """Return the score of each request, in order; `done` hears how many more are finished."""
        ...


class LikelihoodModel:
    """A model and its tokenizer, asked for log-probabilities."""

    def __init__(self, model: GPT, tokenizer: ChatTokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.context_length = model.config.context_length
        self.truncated = 0

    def request(self, before: str, scored: str) -> Request:
        """Score `scored` after `before` as plain text, tokenised together.

        A tokenizer may join the end of one to the beginning of the other; what is scored are the
        tokens that the whole does not share with `before` alone.
        """
        alone = self.tokenizer.encode(before)
        whole = self.tokenizer.encode(before + scored)
        return self.fit([first_id(self.tokenizer), *whole], 1 + _shared(whole, alone))

    def fit(self, ids: Sequence[int], start: int) -> Request:
        """Make a request, cutting its beginning off where the model cannot read it all.

        Raises:
            DataError: what is to be scored is alone longer than the model's context.
        """
        excess = max(0, len(ids) - self.context_length - 1)
        if excess >= start:
            raise DataError(
                f"{len(ids) - start} tokens are to be scored after a prompt, and the model reads "
                f"{self.context_length} at once",
                hint="leave that record out, or measure a model with a longer context.",
            )
        self.truncated += excess > 0
        return Request(tuple(ids[excess:]), start - excess)

    def score(self, requests: Sequence[Request], done: Callable[[int], object]) -> list[Scored]:
        """See `Scorer.score`; requests of similar length share a forward pass."""
        scores: list[Scored | None] = [None] * len(requests)
        for batch in _batches(requests):
            for place, scored in zip(batch, self._score([requests[i] for i in batch]), strict=True):
                scores[place] = scored
            done(len(batch))
        return [scored for scored in scores if scored is not None]

    @torch.inference_mode()
    def _score(self, requests: Sequence[Request]) -> Iterator[Scored]:
        longest = max(len(request.ids) for request in requests) - 1
        inputs = torch.full((len(requests), longest), self.tokenizer.padding)
        for row, request in enumerate(requests):
            inputs[row, : len(request.ids) - 1] = torch.tensor(request.ids[:-1])
        hidden = self.model.hidden(inputs.to(self.model.embedding.weight.device))
        wanted = torch.cat(
            [
                hidden[row, request.start - 1 : len(request.ids) - 1]
                for row, request in enumerate(requests)
            ]
        )
        targets = torch.tensor([id_ for r in requests for id_ in r.ids[r.start :]])
        log_probs, right = self._rate(wanted, targets.to(wanted.device))
        sizes = [len(request.ids) - request.start for request in requests]
        for part, hits in zip(log_probs.split(sizes), right.split(sizes), strict=True):
            yield Scored(float(part.double().sum()), bool(hits.all()), len(part))

    def _rate(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each target and whether it is the likeliest, both (N,)."""
        log_probs, right = [], []
        for rows, wanted in zip(hidden.split(_HEAD_ROWS), targets.split(_HEAD_ROWS), strict=True):
            logits = self.model.head(rows).float()
            log_probs.append(-functional.cross_entropy(logits, wanted, reduction="none"))
            right.append(logits.argmax(-1) == wanted)
        return torch.cat(log_probs), torch.cat(right)


def first_id(tokenizer: ChatTokenizer) -> int:
    """Return the id that a plain text begins with: the end of the text before, for want of one."""
    return tokenizer.end_of_text if tokenizer.begin is None else tokenizer.begin


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many leading ids two sequences share."""
    count = min(len(first), len(second))
    return next((i for i in range(count) if first[i] != second[i]), count)


def _batches(requests: Sequence[Request]) -> Iterator[list[int]]:
    """Yield places of requests of similar length, longest first: a lack of memory shows at once."""
    order = sorted(range(len(requests)), key=lambda i: -len(requests[i].ids))
    start = 0
    while start < len(order):
        size = max(1, _BATCH_TOKENS // len(requests[order[start]].ids))
        yield order[start : start + size]
        start += size
