"""The stages of a run and what each of them is given.

    (ladder ->) pretrain -> finetune -> reward -> ppo -> dpo

A stage reads its settings from the recipe and the results of earlier stages from the run's
directory, and leaves its own in `out/<stage>/`: the state to resume from, and at the end
`out/<stage>/model/`, which can be loaded like any model. Nothing else passes between stages, so a
stage that is complete is never run again and any one of them can be run alone.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from chatapp.model.checkpoint import load_model, save_model
from chatapp.model.gpt import GPT
from chatapp.model.int8 import make_float
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.console import say
from chatapp.training.distributed import World
from chatapp.training.durable import read_json, write_json
from chatapp.training.recipe import Recipe, RecipeError, Start

# The `Stage` of every table that `recipe.STAGES` knows; it is imported when it runs.
RUNNERS: dict[str, str] = {
    "ladder": "chatapp.training.ladder:Ladder",
    "pretrain": "chatapp.training.pretrain:Pretrain",
    "finetune": "chatapp.training.finetune:Finetune",
    "task": "chatapp.training.heads.stage:Task",
    "reward": "chatapp.training.reward.stage:Reward",
    "ppo": "chatapp.training.ppo.stage:PPO",
    "dpo": "chatapp.training.dpo.stage:DPO",
    "compare": "chatapp.training.compare.stage:Compare",
}
# Stages that leave a language model, the most finished first; a reward model is none.
CHAT_MODELS = ("ppo", "dpo", "finetune", "pretrain")


class Stage(Protocol):
    """One step on the way from text to a chat model."""

    name: str

    def run(self, context: RunContext) -> None:
        """Do the stage's work or what is left of it; leave `out/<name>/model/`, then `complete`.

        The settings are stamped already.

        Raises:
            Stopped: a signal asked to stop; what is done is saved.
        """
        ...


@dataclass(frozen=True)
class RunContext:
    """What every stage is given: the recipe, the place, the tokenizer, the machine."""

    recipe: Recipe
    out: Path
    tokenizer: ChatTokenizer
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    world: World = field(default_factory=World)

    def directory(self, stage: str) -> Path:
        """Return where a stage keeps its files."""
        return self.out / stage

    def model_directory(self, stage: str) -> Path:
        """Return where a stage leaves its model."""
        return self.directory(stage) / "model"

    def is_complete(self, stage: str) -> bool:
        """Whether a stage has left its result."""
        return (self.directory(stage) / "done.json").is_file()

    def autocast(self) -> torch.autocast:
        """Return the context in which matrix products have the recipe's precision."""
        lower = self.recipe.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=lower)

    def claim(self, stage: str, settings: Any) -> None:
        """Stamp a stage with its settings, or refuse to continue one begun with others.

        Where the data lie is no setting.

        Raises:
            RecipeError: the directory holds this stage with other settings.
        """
        facts = {
            "seed": self.recipe.seed,
            "tokenizer": _plain(self.recipe.tokenizer),
            "model": _plain(self.recipe.model),
            "precision": self.recipe.precision,
            "settings": _plain(settings),
            "validation_permille": self.recipe.validation_permille,
        }
        stamp = self.directory(stage) / "settings.json"
        begun = read_json(stamp)
        if begun is not None and begun != facts:
            raise RecipeError(
                f"{self.out} holds a {stage} stage begun with other settings "
                f"({_first(begun, facts)}); give another --out, restore the recipe, or delete "
                f"{self.directory(stage)}"
            )
        if begun is None and self.world.leads:
            write_json(stamp, facts)
        self.world.wait()

    def load_model(self, *stages: str) -> GPT:
        """Return the model of the first of `stages` that is complete, ready to be trained.

        Without any, it is the model that the recipe starts from.

        Raises:
            RecipeError: none of them is.
        """
        for stage in stages:
            if self.is_complete(stage):
                return self._trainable(self.model_directory(stage))
        if self.recipe.start is not None and "pretrain" not in self.recipe.stages:
            return self.load_start(self.recipe.start)
        raise RecipeError(
            f"{self.out} has no model of the stage {' or '.join(stages)} yet; run that stage first"
        )

    def load_start(self, start: Start) -> GPT:
        """Return the model that the recipe starts from, with the recipe's context length."""
        model = self._trainable(Path(start.path))
        if model.config == self.recipe.model:
            return model
        longer = GPT(self.recipe.model).to(self.device)
        longer.load_state_dict(model.state_dict())
        return longer

    def _trainable(self, directory: Path) -> GPT:
        model, _ = load_model(directory)
        make_float(model)  # the shipped model is int8
        return model.requires_grad_(True).to(self.device)

    def write_model(self, stage: str, model: GPT) -> None:
        """Write a stage's model in full precision; every rank must call it."""
        from chatapp.training.parallel import gathered  # it needs more of torch than a plan does

        weights = gathered(model)
        if self.world.leads:
            save_model(
                self.model_directory(stage),
                weights,
                self.tokenizer,
                metadata={"recipe": self.recipe.name, "stage": stage},
            )
        self.world.wait()

    def complete(self, stage: str, facts: Mapping[str, Any]) -> None:
        """Mark a stage complete, with what is worth knowing of it; the last thing a stage does."""
        if self.world.leads:
            write_json(self.directory(stage) / "done.json", facts)
        self.world.wait()

    def say(self, text: str) -> None:
        """Tell the person what is going on; one process of several speaks."""
        if self.world.leads:
            say(text)


def planned_stages(recipe: Recipe, only: str | None = None) -> list[str]:
    """Return the stages to run in their order: all of the recipe, or the one called `only`.

    Raises:
        RecipeError: the recipe has no such stage.
    """
    planned = list(recipe.stages)
    if only is None:
        return planned
    if only not in planned:
        raise RecipeError(
            f"the recipe {recipe.name} has no stage {only!r}; it has {', '.join(planned)}"
        )
    return [only]


def run_stages(context: RunContext, only: str | None = None) -> None:
    """Run every stage of the recipe that is not complete, or the one called `only`.

    Raises:
        RecipeError: the recipe has no such stage.
    """
    for name in planned_stages(context.recipe, only):
        context.claim(name, context.recipe.stages[name])
        if not context.is_complete(name):
            load_stage(name).run(context)


def load_stage(name: str) -> Stage:
    """Import and make a stage."""
    module, _, kind = RUNNERS[name].partition(":")
    stage: Stage = getattr(importlib.import_module(module), kind)()
    return stage


def _plain(settings: Any) -> Any:
    """Return a dataclass as the JSON values that a stamp holds."""
    return json.loads(json.dumps(dataclasses.asdict(settings), default=str))


def _first(begun: dict[str, Any], now: dict[str, Any]) -> str:
    """Name the first setting that differs."""
    for key, value in now.items():
        old = begun.get(key)
        if old != value and isinstance(value, dict) and isinstance(old, dict):
            return f"{key}.{_first(old, value)}"
        if old != value:
            return f"{key}: {old} then, {value} now"
    return ", ".join(set(begun) - set(now))
