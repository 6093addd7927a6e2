"""Choosing next tokens from logits: one pure function per step of the way, for N rows at once.

Order as in common practice: repetition penalty (CTRL, arXiv:1909.05858), token mask, temperature,
top-k, top-p (nucleus sampling, arXiv:1904.09751), min-p (arXiv:2407.01082), then a draw. Greedy
takes the largest penalised and allowed logit, the lowest id of equals, and looks at nothing else.

A draw inverts the cumulated distribution at one uniform number, which is a function of seed and
step alone. So a sample depends neither on what else is in its batch nor on how many positions were
verified at once, and nothing here makes the host wait for a device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from chatapp.inference.generator import SamplingParams

COLDEST = 1e-6  # temperatures below are greedy: logits divided by them could overflow
_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Choice:
    """The next tokens of N rows.

    Attributes:
        tokens: int64, shape (N,).
        log_weights: float32, shape (N,): log-probability of each under the distribution that it
            was drawn from, i.e. after penalty, mask, temperature and the cuts; 0 when greedy.
    """

    tokens: Tensor
    log_weights: Tensor


def choose(
    logits: Tensor,
    params: SamplingParams,
    uniform: Tensor,
    *,
    seen: Tensor | None = None,
    allowed: Tensor | None = None,
) -> Choice:
    """Choose the next token of each row.

    Args:
        logits: float32, shape (N, V).
        params: how to sample.
        uniform: float64 in (0, 1), shape (N,); unused when greedy.
        seen: bool, shape (N, V): what the repetition penalty applies to.
        allowed: bool, shape (N, V): what may be chosen, at least one in a row.
    """
    if seen is not None:
        logits = penalise_repetition(logits, seen, params.repetition_penalty)
    if allowed is not None:
        logits = logits.masked_fill(~allowed, -torch.inf)
    if params.greedy or params.temperature < COLDEST:
        tokens = logits.argmax(dim=-1)
        return Choice(tokens, torch.zeros_like(logits[:, 0]))
    ids, probabilities = candidates(logits / params.temperature, params)
    place = draw(probabilities, uniform)
    weights = probabilities.gather(-1, place).squeeze(-1) / probabilities.sum(-1)
    return Choice(ids.gather(-1, place).squeeze(-1), weights.log())


def candidates(logits: Tensor, params: SamplingParams) -> tuple[Tensor, Tensor]:
    """Apply top-k, top-p and min-p.

    Returns:
        Ids and probabilities, each (N, K), ordered by falling probability where any cut is on;
        what is cut has probability 0, and the rest is not renormalised.
    """
    count = logits.shape[-1]
    if 0 < params.top_k < count:
        kept, ids = logits.topk(params.top_k, dim=-1)
    elif params.top_p < 1.0:
        kept, ids = logits.sort(dim=-1, descending=True, stable=True)
    else:
        kept, ids = logits, torch.arange(count, device=logits.device).expand(logits.shape)
    probabilities = torch.softmax(kept, dim=-1)
    if params.top_p < 1.0:
        probabilities = keep_top_p(probabilities, params.top_p)
    if params.min_p > 0.0:
        floor = params.min_p * probabilities.amax(dim=-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < floor, 0.0)
    return ids, probabilities


def keep_top_p(probabilities: Tensor, p: float) -> Tensor:
    """Zero all but the smallest set of likeliest tokens whose mass reaches p.

    `probabilities` (..., K) fall along the last dimension.
    """
    before = probabilities.cumsum(dim=-1) - probabilities
    beyond = before >= p
    beyond[..., 0] = False  # the likeliest stays, however small p is
    return probabilities.masked_fill(beyond, 0.0)


def draw(weights: Tensor, uniform: Tensor) -> Tensor:
    """Return a place (N, 1) of each row of `weights` (N, K), chosen in proportion to them."""
    cumulated = weights.double().cumsum(dim=-1)
    target = uniform[:, None] * cumulated[:, -1:]
    # the first place beyond the target; it has weight, because the sum grows there
    return torch.searchsorted(cumulated, target, right=True).clamp_(max=weights.shape[-1] - 1)


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Divide positive and multiply negative logits of seen tokens by `penalty` (1 = off)."""
    if penalty == 1.0:
        return logits
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def penalise_counts(logits: Tensor, said: Tensor, params: SamplingParams) -> Tensor:
    """Take off what was said before, as OpenAI's API defines it; `said` (N, V) holds how often."""
    return logits - params.presence_penalty * (said > 0) - params.frequency_penalty * said


def uniforms(seeds: Tensor, steps: Tensor) -> Tensor:
    """Return a number in (0, 1) for each seed and step: a counter-based generator.

    Args:
        seeds: int64, not negative.
        steps: int64, broadcast against `seeds`.

    Returns:
        float64 of the broadcast shape, with 52 random bits.
    """
    key = _mix(_mix(seeds & _MASK) ^ (seeds >> 32))
    high = _mix(_mix(key + 2 * steps) ^ key)
    low = _mix(_mix(key + 2 * steps + 1) ^ key)
    bits = (high << 20) | (low >> 12)
    return (bits.double() + 0.5) * 2.0**-52


def child_seed(seed: int, prompt: int, sample: int) -> int:
    """Return the seed of one sample of one prompt; the first one's is `seed` itself."""
    spread = prompt * 0x9E3779B97F4A7C15 + sample * 0xD1B54A32D192ED03
    return (seed + spread) % 2**63


def _mix(x: Tensor) -> Tensor:
    """Scramble 32-bit numbers held in int64: Wellons' low-bias multiply-xorshift."""
    x = x & _MASK
    x = x ^ (x >> 16)
    x = (x * 0x21F0AAAD) & _MASK
    x = x ^ (x >> 15)
    x = (x * 0x735A2D97) & _MASK
    return x ^ (x >> 15)
