"""One round of roll-outs with everything PPO learns from, computed once and then fixed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatapp.inference.decoder import Decoder
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.answers import Rows, score_answers
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.ppo.estimators import generalised_advantages, k1, k3, masked_mean, whiten
from chatapp.training.ppo.settings import PPOSettings
from chatapp.training.ppo.signs import mean_length, repetition, sameness
from chatapp.training.reward.model import score
from chatapp.training.rollouts import RollOuts, check_parity, roll_out, scored_answers


@dataclass(frozen=True)
class Experience:
    """B answers; tensors are float32 (B, T - 1) over their tokens, `mask` bool.

    `metrics` says how the round went; `kl` is its mean KL in nats an answer.
    """

    rows: Rows
    mask: Tensor
    logprobs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    kl: float
    metrics: dict[str, float]

    def select(self, index: Tensor) -> Experience:
        """Return the answers of one minibatch, cut to the longest of them."""
        rows = self.rows.select(index)
        width = rows.tokens.shape[1] - 1
        return dataclasses.replace(
            self,
            rows=rows,
            mask=self.mask[index, :width],
            logprobs=self.logprobs[index, :width],
            values=self.values[index, :width],
            advantages=self.advantages[index, :width],
            returns=self.returns[index, :width],
        )


@dataclass(frozen=True)
class Players:
    """The four models of PPO; the last two are frozen."""

    policy: GPT
    value: HeadedGPT
    reference: GPT
    reward: HeadedGPT


def values_of(value: HeadedGPT, rows: Rows, mask: Tensor) -> Tensor:
    """Return the value before each token of the answers, float32 (B, T - 1), 0 elsewhere."""
    return value.everywhere(rows.tokens[:, :-1])[..., 0] * mask


@torch.no_grad()
def collect(
    players: Players,
    tokenizer: ChatTokenizer,
    prompts: Sequence[Sequence[int]],
    settings: PPOSettings,
    *,
    coefficient: float,
    seed: int,
    decoder: Decoder | None = None,
) -> Experience:
    """Roll out the policy on prompts and work out what each token earned.

    Args:
        coefficient: of the KL penalty, as it is now.
        decoder: the policy's, see `rollouts.kept_decoder`.

    Raises:
        RollOutMismatch: engine and trainer disagree by more than `settings.parity`.
    """
    made = roll_out(
        players.policy,
        tokenizer,
        prompts,
        max_tokens=settings.max_tokens,
        seed=seed,
        decoder=decoder,
    )
    rows, mask = made.rows, made.mask
    scores = score_answers(players.policy, rows)
    parity = check_parity(made.logprobs, scores.logprobs, mask, settings.parity)
    reference = score_answers(players.reference, rows).logprobs
    values = values_of(players.value, rows, mask)
    divergence = k1(scores.logprobs, reference)
    rewards = score(players.reward, scored_answers(made, tokenizer), tokenizer.padding)
    earned = token_rewards(divergence, rewards.to(mask.device), made, settings, coefficient)
    found = generalised_advantages(earned, values, mask, gamma=settings.gamma, lam=settings.lam)
    kl = divergence.sum(1).mean().item()
    metrics = {
        "reward": rewards.mean().item(),
        "reward_stderr": (rewards.std() / len(rewards) ** 0.5).item(),
        "kl_k1": kl,
        "kl_k3": (k3(scores.logprobs, reference) * mask).sum(1).mean().item(),
        "kl_coefficient": coefficient,
        "finished": made.finished.float().mean().item(),
        "length": mean_length(made.answers),
        "repetition": repetition(made.answers),
        "sameness": sameness(made.answers),
        "entropy": masked_mean(scores.entropy, mask).item(),
        "parity": parity,
    }
    advantages = whiten(found.advantages, mask)
    return Experience(rows, mask, scores.logprobs, values, advantages, found.returns, kl, metrics)


def token_rewards(
    divergence: Tensor,
    rewards: Tensor,
    made: RollOuts,
    settings: PPOSettings,
    coefficient: float,
) -> Tensor:
    """Return what each token earned: the KL penalty, and at the last one the reward.

    Args:
        divergence: k1 of each token, float32 (B, T - 1).
        rewards: the reward model's, float32 (B,).
    """
    bounded = rewards.clamp(-settings.reward_clip, settings.reward_clip)
    final = bounded - settings.missing_end * (~made.finished).float()
    earned = -coefficient * divergence
    earned[torch.arange(len(final), device=earned.device), made.rows.lengths - 2] += final
    return earned
