"""How the head learns to choose: by imitation, then by reward with PPO and a leash.

The thing to know: what is learnt from are decisions, features of what could be chosen with what
was; they are made once, so an epoch takes no reading. PPO's clipped loss is that of
`chatapp.training.ppo`, over commands in place of tokens; the KL divergence from the policy that
learning began with is exact, because all choices are known (arXiv:1707.06347, arXiv:1909.08593).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from chatapp.browsing.by_head import Decision
from chatapp.browsing.chooser import Head
from chatapp.training.ppo.losses import policy_loss


@dataclass(frozen=True)
class Learning:
    """How the head learns.

    Attributes:
        rate: of Adam.
        epochs: over the decisions to imitate.
        updates: over the decisions of one round of browses.
        clip: of PPO's probability ratio.
        leash: weight of the KL divergence from the beginning.
    """

    rate: float = 3e-3
    weight_decay: float = 0.1
    epochs: int = 200
    updates: int = 30
    clip: float = 0.2
    leash: float = 0.05


class _Table:
    """Decisions padded to one tensor: features (N, C, F), and where an offer is, (N, C)."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        most = max(len(decision.features) for decision in decisions)
        self.features = torch.zeros(len(decisions), most, decisions[0].features.shape[1])
        self.there = torch.zeros(len(decisions), most, dtype=torch.bool)
        for row, decision in enumerate(decisions):
            self.features[row, : len(decision.features)] = decision.features
            self.there[row, : len(decision.features)] = True
        self.chosen = torch.tensor([decision.chosen for decision in decisions])
        self.old = torch.tensor([decision.logprob for decision in decisions])

    def logprobs(self, head: Head) -> Tensor:
        """Return the log-probabilities of all offers, (N, C); very small where there is none."""
        scores: Tensor = head(self.features)
        return scores.masked_fill(~self.there, -1e9).log_softmax(-1)


def imitate(head: Head, decisions: Sequence[Decision], learning: Learning) -> float:
    """Raise the likelihood of what was chosen; return the share that the head chooses, too."""
    table = _Table(decisions)
    optimiser = _optimiser(head.train(), learning)
    for _ in range(learning.epochs):
        optimiser.zero_grad()
        functional.nll_loss(table.logprobs(head), table.chosen).backward()
        optimiser.step()
    head.eval()
    with torch.no_grad():
        return float((table.logprobs(head).argmax(-1) == table.chosen).float().mean())


def reinforce(
    head: Head,
    browses: Sequence[Sequence[Decision]],
    advantages: Sequence[float],
    beginning: Head,
    learning: Learning,
) -> float:
    """Update the head by PPO on browses that it has just made.

    Args:
        advantages: of each browse, for all its decisions.
        beginning: the policy that it is kept near to.

    Returns:
        the divergence from the beginning, in nats a decision.
    """
    table = _Table([decision for browse in browses for decision in browse])
    worth = torch.tensor(
        [a for browse, a in zip(browses, advantages, strict=True) for _ in browse]
    ).unsqueeze(1)
    every = torch.ones_like(worth, dtype=torch.bool)
    with torch.no_grad():
        there = table.logprobs(beginning)
    optimiser = _optimiser(head, learning)
    divergence = torch.zeros(())
    for _ in range(learning.updates):
        optimiser.zero_grad()
        now = table.logprobs(head)
        said = now.gather(1, table.chosen.unsqueeze(1))
        surrogate = policy_loss(said, table.old.unsqueeze(1), worth, every, learning.clip)
        divergence = (now.exp() * (now - there)).sum(-1).mean()
        (surrogate.loss + learning.leash * divergence).backward()
        optimiser.step()
    return float(divergence.detach())


def advantages_of(rewards: Sequence[Sequence[float]]) -> list[float]:
    """Return how much better each browse is than the others for its question, one after another.

    In standard deviations of the question's rewards (arXiv:2402.03300); a question whose browses
    are all alike teaches nothing.
    """
    found: list[float] = []
    for row in rewards:
        mean = sum(row) / len(row)
        spread = (sum((value - mean) ** 2 for value in row) / len(row)) ** 0.5
        found += [(value - mean) / (spread + _LEAST_SPREAD) for value in row]
    return found


_LEAST_SPREAD = 0.05


def copy_of(head: Head) -> Head:
    """Return a head that learns no more."""
    return copy.deepcopy(head).requires_grad_(False).eval()


def _optimiser(head: Head, learning: Learning) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        head.parameters(), lr=learning.rate, weight_decay=learning.weight_decay
    )
