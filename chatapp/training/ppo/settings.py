"""The recipe's `[ppo]` table."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.training.recipe import Source


@dataclass(frozen=True, kw_only=True)
class PPOSettings:
    """How the policy is improved. Defaults follow InstructGPT where a small model allows it.

    Args:
        prompts: record files with `messages`; what comes before their answers is asked.
        updates: rounds of roll-outs and learning; each asks `rollouts` prompts.
        minibatch: answers per optimiser step; `epochs` passes over a round's answers.
        prompt_tokens: longer prompts are left out; answers are cut at `max_tokens`.
        policy_lr: AdamW's rate of the policy, `value_lr` that of the value model.
        warm_up: rounds in which the value model learns alone.
        clip: bound of the probability ratio; `value_clip` of a value's move.
        gamma: discount; `lam` lambda of the advantages.
        kl: coefficient of the per-token penalty for leaving the reference.
        kl_target: nats an answer that the coefficient is adapted to, 0 keeps it;
            `kl_horizon` answers, the slower the larger.
        missing_end: taken from the reward of an answer that does not end its turn.
        reward_clip: bound of the reward, in its deviations.
        ptx: coefficient of the pretraining loss, a mean over tokens, beside the policy's;
            `ptx_sources` are its text records, read `ptx_batch` sequences of `ptx_sequence`
            tokens a step.
        without_ptx: also train a policy with ptx = 0, to show what the mix is worth.
        parity: largest difference of log-probabilities between engine and trainer, in nats.
        held_out: prompts kept for measuring, in thousandths; the same as the reward model's.
        evaluate_every: rounds between measurements; `evaluate_prompts` of them are asked.
    """

    prompts: tuple[Source, ...]
    updates: int
    rollouts: int = 64
    minibatch: int = 16
    epochs: int = 1
    prompt_tokens: int = 96
    max_tokens: int = 48
    policy_lr: float = 2e-5
    value_lr: float = 5e-5
    warm_up: int = 2
    clip: float = 0.2
    value_clip: float = 0.2
    gamma: float = 1.0
    lam: float = 0.95
    kl: float = 0.05
    kl_target: float = 0.0
    kl_horizon: float = 500.0
    missing_end: float = 1.0
    reward_clip: float = 5.0
    ptx: float = 1.0
    ptx_sources: tuple[Source, ...] = ()
    ptx_batch: int = 4
    ptx_sequence: int = 128
    without_ptx: bool = False
    parity: float = 1e-3
    held_out: int = 100
    evaluate_every: int = 20
    evaluate_prompts: int = 64
    save_every_minutes: float = 2.0

    def __post_init__(self) -> None:
        if not self.prompts:
            raise ValueError("prompts must list at least one { path = ... }")
        if self.ptx > 0 and not self.ptx_sources:
            raise ValueError("ptx needs ptx_sources, the text that is mixed in; or set ptx = 0")
        if min(self.updates, self.rollouts, self.minibatch, self.epochs, self.max_tokens) < 1:
            raise ValueError("updates, rollouts, minibatch, epochs and max_tokens are at least 1")
        if min(self.evaluate_every, self.evaluate_prompts, self.ptx_batch, self.ptx_sequence) < 1:
            raise ValueError(
                "evaluate_every, evaluate_prompts, ptx_batch and ptx_sequence are at least 1"
            )
        if not min(self.policy_lr, self.value_lr, self.kl, self.ptx) >= 0:
            raise ValueError("policy_lr, value_lr, kl and ptx are at least 0")
        if not min(self.clip, self.value_clip, self.reward_clip) > 0:
            raise ValueError("clip, value_clip and reward_clip are above 0")
        if self.rollouts % self.minibatch:
            raise ValueError("rollouts must be a multiple of minibatch")
