"""Measuring a policy: what reward models say of its answers, and what it cost to get there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatapp.inference.decoder import Decoder
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.answers import score_answers
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.ppo.estimators import k1, k3
from chatapp.training.ppo.signs import mean_length, repetition, sameness
from chatapp.training.reward.model import score
from chatapp.training.rollouts import RollOuts, roll_out, scored_answers, seed_of

_PROMPTS_AT_ONCE = 16


@dataclass(frozen=True)
class Measured:
    """N answers to each of P prompts.

    `rewards` has a float32 (P, N) for each judge; `kl_k1`, `kl_k3` (nats an answer, against the
    reference), `lengths` (tokens) and `finished` are float32 (P, N); `answers` are the token ids.
    """

    rewards: Mapping[str, Tensor]
    kl_k1: Tensor
    kl_k3: Tensor
    lengths: Tensor
    finished: Tensor
    entropy: float
    answers: tuple[tuple[int, ...], ...]

    def signs(self) -> dict[str, float]:
        """Return the signs of reward hacking."""
        return {
            "finished": self.finished.mean().item(),
            "length": mean_length(self.answers),
            "repetition": repetition(self.answers),
            "sameness": sameness(self.answers),
            "entropy": self.entropy,
        }


def measure_policy(
    policy: GPT,
    reference: GPT,
    judges: Mapping[str, HeadedGPT],
    tokenizer: ChatTokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    samples: int,
    seed: int,
    decoder: Decoder | None = None,
) -> Measured:
    """Let a policy answer every prompt `samples` times and measure all answers.

    Args:
        seed: of the answers; no round of learning has them, whatever its seed.
        decoder: the policy's, see `rollouts.kept_decoder`.
    """
    parts = []
    for start in range(0, len(prompts), _PROMPTS_AT_ONCE):
        made = roll_out(
            policy,
            tokenizer,
            prompts[start : start + _PROMPTS_AT_ONCE],
            max_tokens=max_tokens,
            seed=seed_of("measure", seed, start),
            samples=samples,
            decoder=decoder,
        )
        parts.append(_measured(policy, reference, judges, tokenizer, made))
    shape = (len(prompts), samples)
    weights = torch.tensor([float(sum(map(len, part.answers))) for part in parts])
    entropies = torch.tensor([part.entropy for part in parts])
    return Measured(
        {name: torch.cat([p.rewards[name] for p in parts]).view(shape) for name in judges},
        torch.cat([part.kl_k1 for part in parts]).view(shape),
        torch.cat([part.kl_k3 for part in parts]).view(shape),
        torch.cat([part.lengths for part in parts]).view(shape),
        torch.cat([part.finished for part in parts]).view(shape),
        ((entropies * weights).sum() / weights.sum()).item(),
        tuple(answer for part in parts for answer in part.answers),
    )


@torch.no_grad()
def _measured(
    policy: GPT,
    reference: GPT,
    judges: Mapping[str, HeadedGPT],
    tokenizer: ChatTokenizer,
    made: RollOuts,
) -> Measured:
    scores = score_answers(policy, made.rows)
    logprobs = score_answers(reference, made.rows).logprobs
    texts = scored_answers(made, tokenizer)
    return Measured(
        {name: score(judge, texts, tokenizer.padding) for name, judge in judges.items()},
        k1(scores.logprobs, logprobs).sum(1).cpu(),
        (k3(scores.logprobs, logprobs) * made.mask).sum(1).cpu(),
        made.mask.sum(1).float().cpu(),
        made.finished.float().cpu(),
        (scores.entropy.sum() / made.mask.sum()).item(),
        made.answers,
    )


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Return the mean of (P, N) or (P,) values and its standard error over the P prompts.

    Answers to one prompt are not independent; the prompts are.
    """
    means = values.double().reshape(len(values), -1).mean(1)
    return means.mean().item(), means.std().item() / math.sqrt(len(means))
