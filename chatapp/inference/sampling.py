"""Choosing the next token from its logits: one pure function per step of the way.

Order as in common practice: repetition penalty (CTRL, arXiv:1909.05858), temperature, top-k, top-p
(nucleus sampling, arXiv:1904.09751), then a draw. Greedy takes the largest penalised logit and
looks at nothing else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from chatapp.inference.generator import SamplingParams


def choose(logits: Tensor, seen: Tensor, params: SamplingParams, rng: torch.Generator) -> int:
    """Return the id of the next token.

    Args:
        logits: float32, shape (V,).
        seen: int64 ids so far that the repetition penalty applies to, shape (N,).
        params: how to sample.
        rng: source of randomness, unused when greedy.
    """
    logits = penalise_repetition(logits, seen, params.repetition_penalty)
    if params.greedy or params.temperature <= 0:
        return int(logits.argmax())
    probabilities = torch.softmax(keep_top_k(logits / params.temperature, params.top_k), dim=-1)
    probabilities = keep_top_p(probabilities, params.top_p)
    return int(torch.multinomial(probabilities, 1, generator=rng))


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Divide positive and multiply negative logits of seen tokens by `penalty` (1 = off)."""
    if penalty == 1.0 or not len(seen):
        return logits
    scores = logits[seen]
    penalised = torch.where(scores > 0, scores / penalty, scores * penalty)
    return logits.index_put((seen,), penalised)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Set all but the k largest logits to -inf; k = 0 keeps all."""
    if k <= 0 or k >= len(logits):
        return logits
    return logits.masked_fill(logits < logits.topk(k).values[-1], -torch.inf)


def keep_top_p(probabilities: Tensor, p: float) -> Tensor:
    """Zero all but the smallest set of likeliest tokens whose mass reaches p; not renormalised."""
    if p >= 1.0:
        return probabilities
    ordered, order = probabilities.sort(descending=True)
    beyond = ordered.cumsum(0) - ordered >= p
    return probabilities.index_fill(0, order[beyond], 0.0)
