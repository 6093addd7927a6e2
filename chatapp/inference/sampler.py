"""The state of sampling for a fixed number of rows: what was said, which draw comes next."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatapp.inference.generator import SamplingParams, TokenLogprob
from chatapp.inference.masks.protocol import TokenMask
from chatapp.inference.sampling import choose, penalise_counts, uniforms


@dataclass(frozen=True)
class Drawn:
    """One chosen token; log-probabilities under the model's own and the sampling distribution."""

    token: int
    logprob: float
    sampling_logprob: float
    top: tuple[tuple[int, float], ...] = ()

    def report(self) -> TokenLogprob:
        """Return what a stream's reader gets to see."""
        return TokenLogprob(self.token, self.logprob, self.top)


class Sampler:
    """Chooses the next token of any of its rows.

    Args:
        params: how to sample.
        rows: how many rows there are.
        top: how many likeliest tokens a `Drawn` names; None leaves log-probabilities at NaN.
    """

    def __init__(self, params: SamplingParams, *, rows: int, top: int | None = 0) -> None:
        self._params, self._top = params, top
        # these are made as wide as the first logits, and where those are
        self._seen: Tensor | None = None
        self._said: Tensor | None = None
        self._bias: Tensor | None = None
        self._uniforms = torch.full((rows, max(1, params.max_tokens)), 0.5, dtype=torch.float64)
        self._made = [0] * rows
        self._masks: list[TokenMask | None] = [None] * rows

    def start(self, row: int, seed: int, mask: TokenMask | None = None) -> None:
        """Begin a new reply in a row."""
        if self._seen is not None:
            self._seen[row] = False
        if self._said is not None:
            self._said[row] = 0
        if not self._params.greedy:
            steps = torch.arange(self._uniforms.shape[1])
            self._uniforms[row] = uniforms(torch.tensor(seed), steps)
        self._made[row] = 0
        self._masks[row] = mask

    def next(self, rows: Sequence[int], logits: Tensor) -> list[Drawn]:
        """Choose a token of each of N different rows from logits (N, V), float32."""
        places = list(rows)
        self._make_state(logits)
        choice = choose(
            self._shifted(places, logits),
            self._params,
            self._uniform(rows).to(logits.device),
            seen=None if self._seen is None else self._seen[places],
            allowed=self._allowed(rows, logits),
        )
        if self._seen is not None:
            self._seen[places, choice.tokens] = True
        if self._said is not None:
            self._said[places, choice.tokens] += 1
        drawn = self._describe(logits, choice.tokens, choice.log_weights)
        for row, one in zip(rows, drawn, strict=True):
            self._made[row] += 1
            mask = self._masks[row]
            if mask is not None:
                mask.advance(one.token)
        return drawn

    def _make_state(self, logits: Tensor) -> None:
        """Make what the penalties and the bias need, once, beside the first logits."""
        params, device = self._params, logits.device
        shape = (len(self._made), logits.shape[-1])
        if self._seen is None and params.repetition_penalty != 1.0:
            self._seen = torch.zeros(shape, dtype=torch.bool, device=device)
        if self._said is None and (params.presence_penalty or params.frequency_penalty):
            self._said = torch.zeros(shape, device=device)
        if self._bias is None and params.logit_bias:
            ids, values = zip(*params.logit_bias, strict=True)
            self._bias = torch.zeros(shape[1], device=device)
            self._bias[list(ids)] = torch.tensor(values, device=device)

    def _uniform(self, rows: Sequence[int]) -> Tensor:
        """Return each row's next random number, float64, shape (N,)."""
        if len(rows) == 1:
            made = self._made[rows[0]]
            return self._uniforms[rows[0], made : made + 1]
        return self._uniforms[list(rows), [self._made[row] for row in rows]]

    def _shifted(self, places: list[int], logits: Tensor) -> Tensor:
        """Return the logits with what is added to them and taken off."""
        if self._said is not None:
            logits = penalise_counts(logits, self._said[places], self._params)
        return logits if self._bias is None else logits + self._bias

    def _allowed(self, rows: Sequence[int], logits: Tensor) -> Tensor | None:
        masks = [self._masks[row] for row in rows]
        if all(mask is None for mask in masks):
            return None
        allowed = torch.zeros(logits.shape, dtype=torch.bool)
        for place, mask in enumerate(masks):
            if mask is None:
                allowed[place] = True
            else:
                ids = mask.allowed()
                allowed[place, : len(ids)] = ids
        return allowed.to(logits.device)

    def _describe(self, logits: Tensor, tokens: Tensor, log_weights: Tensor) -> list[Drawn]:
        if self._top is None:
            return [Drawn(token, torch.nan, torch.nan) for token in tokens.tolist()]
        own = torch.log_softmax(logits, dim=-1)
        chosen = own.gather(-1, tokens[:, None]).squeeze(-1)
        best = own.topk(self._top, dim=-1)
        tops = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [
            Drawn(token, logprob, weight, tuple(zip(*top, strict=True)))
            for token, logprob, weight, top in zip(
                tokens.tolist(), chosen.tolist(), log_weights.tolist(), tops, strict=True
            )
        ]


def fresh_seed(params: SamplingParams) -> int:
    """Return the seed asked for, or one that nobody can foresee."""
    return secrets.randbits(63) if params.seed is None else params.seed % 2**63
