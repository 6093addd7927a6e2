"""What learns in PPO: the policy and the value model, their optimisers, and the KL coefficient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from chatapp.training.answers import score_answers
from chatapp.training.loop import TrainingDiverged
from chatapp.training.objectives import Batch, next_token
from chatapp.training.ppo.estimators import KLController
from chatapp.training.ppo.experience import Experience, Players, values_of
from chatapp.training.ppo.losses import policy_loss, value_loss
from chatapp.training.ppo.settings import PPOSettings

_GRADIENT_NORM = 1.0
_RISING_STEPS = 16  # Adam's first steps know no second moment and would all be full ones


class Learner:
    """Learns from experience.

    Args:
        players: policy and value model are trained in place.
        pretraining: the text batch of an optimiser step, for the ptx mix.
    """

    def __init__(
        self, players: Players, settings: PPOSettings, pretraining: Callable[[int], Batch] | None
    ) -> None:
        self.players, self._settings, self._pretraining = players, settings, pretraining
        self.controller = KLController(settings.kl, settings.kl_target, settings.kl_horizon)
        self._policy_step = _Optimiser(players.policy, settings.policy_lr)
        self._value_step = _Optimiser(players.value, settings.value_lr)

    def learn(self, experience: Experience, update: int) -> dict[str, float]:
        """Take a round's optimiser steps; return their mean losses and signs.

        Raises:
            TrainingDiverged: a loss is not finite.
        """
        settings, count = self._settings, len(experience.mask)
        rng = torch.Generator().manual_seed(update)
        sums: dict[str, float] = {}
        # a set of few prompts makes rounds that the minibatch may not divide
        passing = math.ceil(count / settings.minibatch)
        steps = settings.epochs * passing
        for epoch in range(settings.epochs):
            order = torch.randperm(count, generator=rng).to(experience.mask.device)
            for place, index in enumerate(order.split(settings.minibatch)):
                part = experience.select(index)
                found = self._value_loss(part)
                if update >= settings.warm_up:
                    step = update * steps + epoch * passing + place
                    found |= self._policy_losses(part, step)
                for key, value in found.items():
                    sums[key] = sums.get(key, 0.0) + value / steps
        if update >= settings.warm_up:
            self.controller.update(experience.kl, count)
        if not all(math.isfinite(value) for value in sums.values()):
            raise TrainingDiverged(
                f"ppo: the loss of round {update} is not finite; lower policy_lr and value_lr and "
                "begin the stage again"
            )
        return sums

    def _policy_losses(self, part: Experience, step: int) -> dict[str, float]:
        logprobs = score_answers(self.players.policy, part.rows).logprobs
        found = policy_loss(
            logprobs, part.logprobs, part.advantages, part.mask, self._settings.clip
        )
        found.loss.backward()
        metrics = {
            "loss": found.loss.item(),
            "ratio": found.ratio.item(),
            "clipped": found.clipped.item(),
            "update_kl": found.divergence.item(),
        }
        if self._pretraining is not None and self._settings.ptx > 0:
            metrics["ptx_loss"] = self._mix_in(self._pretraining(step))
        metrics["gradient_norm"] = self._policy_step()
        return metrics

    def _mix_in(self, batch: Batch) -> float:
        """Add the pretraining gradient to the policy's (arXiv:2203.02155, equation 2)."""
        device = self.players.policy.embedding.weight.device
        moved = Batch(batch.inputs.to(device), batch.targets.to(device))
        loss = next_token(self.players.policy, moved)[0] / batch.examples
        (self._settings.ptx * loss).backward()
        return loss.item()

    def _value_loss(self, part: Experience) -> dict[str, float]:
        values = values_of(self.players.value, part.rows, part.mask)
        loss = value_loss(values, part.values, part.returns, part.mask, self._settings.value_clip)
        loss.backward()
        self._value_step()
        return {"value_loss": loss.item()}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that learning changes."""
        return {
            "policy": self.players.policy.state_dict(),
            "value": self.players.value.state_dict(),
            "policy_optimiser": self._policy_step.state_dict(),
            "value_optimiser": self._value_step.state_dict(),
            "kl_coefficient": self.controller.coefficient,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.players.policy.load_state_dict(state["policy"])
        self.players.value.load_state_dict(state["value"])
        self._policy_step.load_state_dict(state["policy_optimiser"])
        self._value_step.load_state_dict(state["value_optimiser"])
        self.controller.coefficient = state["kl_coefficient"]


class _Optimiser:
    """AdamW with a bound on the gradient's norm; Muon's equalised steps are too bold here."""

    def __init__(self, model: nn.Module, rate: float) -> None:
        self._weights: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self._rate, self._taken = rate, 0
        self._adam = torch.optim.AdamW(
            self._weights, lr=rate, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.0
        )

    def __call__(self) -> float:
        """Take a step with the gradients that are there, clear them, return their norm."""
        norm = nn.utils.clip_grad_norm_(self._weights, _GRADIENT_NORM)
        self._taken += 1
        for group in self._adam.param_groups:
            group["lr"] = self._rate * min(1.0, self._taken / _RISING_STEPS)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return norm.item()

    def state_dict(self) -> dict[str, Any]:
        """Return what the optimiser remembers."""
        return {"adam": self._adam.state_dict(), "taken": self._taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._adam.load_state_dict(state["adam"])
        self._taken = state["taken"]
