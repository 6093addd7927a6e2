"""The PPO stage: roll-outs, rewards, learning, round by round, resumable after every one.

It leaves `ppo/model/` and `ppo/result.json`, and with `without_ptx` a second policy and its result
in `ppo-without-ptx/`. Everything random is a function of the seed and the round, so a resumed
run goes the very way the uninterrupted one went.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from chatapp.training.console import progress
from chatapp.training.devices import seed_noise
from chatapp.training.durable import (
    Stopped,
    load_state,
    read_json,
    save_state,
    stop_requests,
    write_json,
)
from chatapp.training.epochs import ExampleBatches
from chatapp.training.metrics import MetricsLog
from chatapp.training.policies import mean_and_error, measure_policy
from chatapp.training.ppo.experience import Players, collect
from chatapp.training.ppo.learner import Learner
from chatapp.training.ppo.settings import PPOSettings
from chatapp.training.prepare import text_shards
from chatapp.training.prompts import split_prompts
from chatapp.training.recipe import RecipeError
from chatapp.training.reward.model import load_reward_model
from chatapp.training.rollouts import kept_decoder, seed_of
from chatapp.training.shards import PackedBatches
from chatapp.training.stages import RunContext

WITHOUT_PTX = "ppo-without-ptx"
_EVALUATION_SEED = 1_000_003  # of measurements


class PPO:
    """From a tuned model and a reward model to a policy that earns more reward."""

    name = "ppo"

    def run(self, context: RunContext) -> None:
        """Train the policy, and the one without the pretraining mix if asked for."""
        if context.world.size > 1:
            raise RecipeError("the ppo stage runs in one process; start it without torchrun")
        settings = context.recipe.settings(self.name, PPOSettings)
        result = _trained(context, self.name, settings)
        if settings.without_ptx and settings.ptx > 0:
            plain = dataclasses.replace(settings, ptx=0.0)
            context.complete(WITHOUT_PTX, _trained(context, WITHOUT_PTX, plain))
        context.complete(self.name, result)


def _trained(context: RunContext, name: str, settings: PPOSettings) -> dict[str, Any]:
    """Train a policy unless that is done; return its result."""
    file = context.directory(name) / "result.json"
    result = read_json(file)
    if result is None:
        result = _Training(context, name, settings).run()
        write_json(file, result)
    return result


class _Training:
    """One policy's training."""

    def __init__(self, context: RunContext, name: str, settings: PPOSettings) -> None:
        self._context, self._name, self._settings = context, name, settings
        train, held_out = split_prompts(
            context.recipe.root,
            settings.prompts,
            context.tokenizer,
            limit=settings.prompt_tokens,
            permille=settings.held_out,
        )
        self._held_out = held_out[: settings.evaluate_prompts]
        self._prompts = ExampleBatches(
            [len(prompt) for prompt in train],
            lambda numbers: [train[number] for number in numbers],
            batch=settings.rollouts,
            seed=context.recipe.seed,
        )
        reward = context.model_directory("reward")
        policy = context.load_model("finetune", "pretrain").eval()
        self._players = Players(
            policy,
            load_reward_model(reward).requires_grad_(True).to(context.device),
            context.load_model("finetune", "pretrain").eval().requires_grad_(False),
            load_reward_model(reward).to(context.device),
        )
        longest = settings.prompt_tokens + settings.max_tokens
        self._decoder = kept_decoder(policy, longest=longest)
        self._learner = Learner(self._players, settings, self._pretraining())
        self._state_file: Path = context.directory(name) / "state.pt"
        self._log = MetricsLog(context.out / "metrics.jsonl", name)
        self._update, self._seconds, self._tokens = 0, 0.0, 0

    def run(self) -> dict[str, Any]:
        """Train to the last round; return the held-out reward before and after.

        Raises:
            Stopped: a signal asked to stop; the state is saved.
        """
        self._resume()
        start = self._measured_start()
        with (
            stop_requests() as stop,
            progress(self._name, self._settings.updates, "rounds", shown=True) as bar,
        ):
            saved = self._seconds
            while self._update < self._settings.updates:
                note = self._round()
                bar.to(self._update, note)
                due = self._update % self._settings.evaluate_every == 0
                if (
                    stop.number
                    or due
                    or self._seconds - saved >= self._settings.save_every_minutes * 60
                ):
                    self._save()
                    saved = self._seconds
                if stop.number:
                    raise Stopped(stop.number)
                if due and self._update < self._settings.updates:
                    self._log_line(self._measure())
        self._save()
        final = self._measure()
        self._log_line(final)
        self._context.write_model(self._name, self._players.policy)
        return {"start": start, "end": final, "updates": self._update, "seconds": self._seconds}

    def _round(self) -> str:
        """Roll out, learn, log; return a note for the progress bar."""
        began = time.monotonic()
        seed_noise(self._context.recipe.seed, self._update)
        experience = collect(
            self._players,
            self._context.tokenizer,
            self._prompts.batch(self._update),
            self._settings,
            coefficient=self._learner.controller.coefficient,
            seed=seed_of("round", self._context.recipe.seed, self._update),
            decoder=self._decoder,
        )
        learnt = self._learner.learn(experience, self._update)
        self._update += 1
        self._tokens += int(experience.mask.sum())
        self._seconds += time.monotonic() - began
        self._log_line({**learnt, **experience.metrics})
        return f"reward {experience.metrics['reward']:.2f}, KL {experience.kl:.2f}"

    def _measure(self) -> dict[str, float]:
        """Measure the policy on the held-out prompts, with the same random numbers every time."""
        found = measure_policy(
            self._players.policy,
            self._players.reference,
            {"reward": self._players.reward},
            self._context.tokenizer,
            self._held_out,
            max_tokens=self._settings.max_tokens,
            samples=1,
            seed=_EVALUATION_SEED,
            decoder=self._decoder,
        )
        reward, error = mean_and_error(found.rewards["reward"])
        return {
            "held_out_reward": reward,
            "held_out_stderr": error,
            "held_out_kl": found.kl_k1.mean().item(),
            **{f"held_out_{name}": value for name, value in found.signs().items()},
        }

    def _measured_start(self) -> dict[str, float]:
        """Return what the policy was worth before its first round, measured once."""
        file = self._context.directory(self._name) / "start.json"
        known = read_json(file)
        if known is None:
            known = self._measure()
            write_json(file, known)
            self._log_line(known)
        return known

    def _pretraining(self) -> Any:
        settings = self._settings
        if settings.ptx <= 0:
            return None
        train, _ = text_shards(self._context, "ptx", settings.ptx_sources)
        return PackedBatches(
            train,
            sequence=settings.ptx_sequence,
            batch=settings.ptx_batch,
            seed=self._context.recipe.seed,
        ).batch

    def _resume(self) -> None:
        state = load_state(self._state_file)
        if state is None:
            self._log.rewind(0, finished=False)
            return
        self._learner.load_state_dict(state["learner"])
        self._update, self._seconds, self._tokens = (
            state["update"],
            state["seconds"],
            state["tokens"],
        )
        self._log.rewind(self._update, finished=self._update >= self._settings.updates)
        self._context.say(f"{self._name}: continuing at round {self._update}")

    def _save(self) -> None:
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        save_state(
            self._state_file,
            {
                "learner": self._learner.state_dict(),
                "update": self._update,
                "seconds": self._seconds,
                "tokens": self._tokens,
            },
        )

    def _log_line(self, values: dict[str, float]) -> None:
        self._log.write(self._update, self._tokens, self._seconds, values)
