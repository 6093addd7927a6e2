"""Two models answer the same prompts, and a reward model says which answer is better.

The judge rates each answer by itself, so the order in which it sees them cannot matter. What could
is the luck of sampling: both models answer with the same two seeds, crossed, so that a model
against itself wins exactly half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.evaluation.replies import Reply, sampled, write_replies
from chatapp.evaluation.result import Metrics
from chatapp.evaluation.schemas import Message
from chatapp.evaluation.suite import Done, present

Turns = tuple[Message, ...]
Rewards = Callable[[Sequence[tuple[Turns, str]]], list[float]]
"""Rates answers to turns, in order."""

SEEDS = 2


@dataclass(frozen=True)
class Contest:
    """A model against another on prompts.

    Args:
        model: whose wins are counted.
        against: the other one.
        rewards: the judge.
        prompts: turns to answer; equal ones count once.
        temperature: of both models.
        max_tokens: longest answer.
        seed: of the first of the two seeds.
    """

    model: LikelihoodModel
    against: LikelihoodModel
    rewards: Rewards
    prompts: tuple[Turns, ...]
    temperature: float
    max_tokens: int
    seed: int

    def size(self) -> int:
        """Return how often a model answers a prompt."""
        return 2 * SEEDS * len(self.prompts)

    def facts(self) -> dict[str, object]:
        """Return what stands in the report."""
        return {
            "prompts": len(self.prompts),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "answers_per_prompt": SEEDS,
        }

    def run(self, done: Done) -> Metrics:
        """Let both answer and be judged; each prompt is one draw of every figure."""
        ours = [self._answers(self.model, seed, done) for seed in range(SEEDS)]
        theirs = [self._answers(self.against, seed, done) for seed in range(SEEDS)]
        our_rewards = [self._judged(replies) for replies in ours]
        their_rewards = [self._judged(replies) for replies in theirs]
        wins, ties = [], []
        for place in range(len(self.prompts)):
            # seed s of one model meets the other seed of its opponent
            met = [
                (our_rewards[s][place], their_rewards[SEEDS - 1 - s][place]) for s in range(SEEDS)
            ]
            ties.append(sum(a == b for a, b in met) / SEEDS)
            wins.append(sum(a > b for a, b in met) / SEEDS + ties[-1] / 2)
        return present(
            {
                "win_rate": estimate(wins, chance=0.5),
                "ties": estimate(ties),
                "reward": estimate(_means(our_rewards)),
                "reward_against": estimate(_means(their_rewards)),
                "reply_tokens": estimate(_means([[r.tokens for r in replies] for replies in ours])),
                "reply_tokens_against": estimate(
                    _means([[r.tokens for r in replies] for replies in theirs])
                ),
            }
        )

    def _answers(self, model: LikelihoodModel, number: int, done: Done) -> list[Reply]:
        prompts = [model.tokenizer.encode_prompt(turns) for turns in self.prompts]
        # far apart, as a run of prompts uses the seeds that follow its first
        params = sampled(self.max_tokens, self.temperature, self.seed + 1_000_003 * number)
        return [only for (only,) in write_replies(model, prompts, params, done)]

    def _judged(self, replies: Sequence[Reply]) -> list[float]:
        return self.rewards(
            [(turns, reply.text) for turns, reply in zip(self.prompts, replies, strict=True)]
        )


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean over seeds for each prompt."""
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
