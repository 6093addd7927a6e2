"""Supervised fine-tuning on conversations, with the loss on the assistant's words alone.

One option, `tune`, says which weights learn (see `adapters`). Tuning may go in several steps, each
from where the last one ended, on other records or in another way: first much and rough, then little
and good.
"""

from __future__ import annotations

import copy
import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from chatapp.model.adapter import merge
from chatapp.model.checkpoint import load_model, save_adapted, weights_digest
from chatapp.model.gpt import GPT
from chatapp.training.adapters import Tuning, trainable_parameters
from chatapp.training.augmentation import Augmentation
from chatapp.training.loop import Trainer, mean_loss
from chatapp.training.objectives import next_token
from chatapp.training.prepare import chat_shards
from chatapp.training.recipe import RecipeError, Source, StageRecipe
from chatapp.training.shards import PackedBatches
from chatapp.training.stages import RunContext

_VALIDATION_BATCHES = 8

Method = Literal["full", "last", "gradual", "lora", "prompt"]


@dataclass(frozen=True, kw_only=True)
class TuningSettings(StageRecipe):
    """A stage that tunes a model by one of five methods.

    Args:
        tune: which weights learn: `full`, `last`, `gradual`, `lora` or `prompt`.
        rank: rank of LoRA's additions; `alpha` their scale times the rank.
        prompt_tokens: virtual tokens of a soft prompt.
        thaw: share of the budget after which gradual unfreezing has thawed everything.
    """

    tune: Method = "full"
    rank: int = 8
    alpha: float = 16.0
    prompt_tokens: int = 16
    thaw: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank < 1 or self.prompt_tokens < 1:
            raise ValueError("rank and prompt_tokens must be at least 1")
        if not 0 <= self.thaw <= 1:
            raise ValueError("thaw is a share of the budget, between 0 and 1")

    @property
    def tuning(self) -> Tuning:
        """The method with its shapes."""
        return Tuning(self.tune, self.rank, self.alpha, self.prompt_tokens, self.thaw)


@dataclass(frozen=True)
class Step:
    """A further step of fine-tuning: what differs from the stage's own table."""

    sources: tuple[Source, ...]
    tokens: int = 0
    minutes: float = 0.0
    tune: Method = "full"


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings(TuningSettings):
    """How the chat model is tuned.

    Args:
        augment: changes to what the user says in a source's second and further readings.
        then: further steps, one after the other.
    """

    augment: Augmentation = field(default_factory=Augmentation)
    then: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tune == "prompt" and self.then:
            raise ValueError("a soft prompt is the last step: nothing can be tuned after it")

    def steps(self) -> list[FinetuneSettings]:
        """Return the settings of every step."""
        return [
            dataclasses.replace(self, then=()),
            *(
                dataclasses.replace(
                    self,
                    sources=step.sources,
                    tokens=step.tokens,
                    minutes=step.minutes,
                    tune=step.tune,
                    then=(),
                )
                for step in self.then
            ),
        ]


class Finetune:
    """From a language model to one that answers and stops."""

    name = "finetune"

    def run(self, context: RunContext) -> None:
        """Tune the pretrained model step by step; leave the tuned one, or its adapter."""
        settings = context.recipe.settings(self.name, FinetuneSettings)
        steps = settings.steps()
        check_adapter_is_last(context, self.name, steps[-1].tuning)
        before = "pretrain"
        for number, step in enumerate(steps, start=1):
            last = number == len(steps)
            name = self.name if last else f"{self.name}-{number}"
            if last or not context.is_complete(name):
                context.complete(name, _tune(context, name, before, step))
            before = name


def check_adapter_is_last(context: RunContext, stage: str, tuning: Tuning) -> None:
    """Refuse a soft prompt that later stages would have to tune further.

    Raises:
        RecipeError: they would.
    """
    later = [name for name in ("reward", "ppo", "dpo") if name in context.recipe.stages]
    if tuning.method == "prompt" and later:
        raise RecipeError(
            f'[{stage}]: tune = "prompt" leaves the model as it was, and [{later[0]}] cannot '
            'continue from it; use "full" or "lora"'
        )
    if tuning.method == "gradual" and context.world.size > 1:
        raise RecipeError(
            f'[{stage}]: tune = "gradual" runs in one process; start without torchrun'
        )


def _tune(
    context: RunContext, name: str, before: str, settings: FinetuneSettings
) -> dict[str, float]:
    """Take one step; leave its model and return what is worth knowing."""
    recipe, tuning = context.recipe, settings.tuning
    # a soft prompt's ids are this step's alone
    own = dataclasses.replace(context, tokenizer=copy.copy(context.tokenizer))
    model = context.load_model(before)
    tuning.prepare(model, own.tokenizer, torch.Generator().manual_seed(recipe.seed))
    train, validation = chat_shards(own, name, settings.sources, settings.augment)
    packing = {"sequence": settings.sequence, "batch": settings.batch, "seed": recipe.seed}
    held_out = PackedBatches(validation, **packing)

    def evaluate(model: GPT) -> dict[str, float]:
        return {"validation_loss": mean_loss(model, held_out, _VALIDATION_BATCHES)}

    trainer = Trainer(
        own,
        name,
        model,
        settings,
        PackedBatches(train, **packing),
        next_token,
        evaluate=evaluate,
        before_step=lambda progress: tuning.thaw_to(model, progress),
    )
    trained = trainable_parameters(model)
    trainer.run()
    write_tuned(own, name, model, tuning, before)
    return {"steps": trainer.step, "seconds": trainer.seconds, "trained_parameters": trained}


def write_tuned(context: RunContext, name: str, model: GPT, tuning: Tuning, before: str) -> None:
    """Leave a tuned model in `<name>/model/`, and what LoRA learnt as `<name>/adapter/` too.

    A soft prompt is no part of the weights: its `model/` is the adapter.
    """
    if tuning.is_adapter and context.world.leads:
        base = _base_directory(context, before)
        place = context.directory(name) / ("adapter" if tuning.method == "lora" else "model")
        adapter = tuning.described(os.path.relpath(base, place), weights_digest(base))
        save_adapted(place, model, context.tokenizer, adapter)
        load_model(place)  # what was written can be read, or the stage is not done
    if tuning.method != "prompt":
        merge(model)
        context.write_model(name, model)
    context.world.wait()


def _base_directory(context: RunContext, before: str) -> Path:
    if context.is_complete(before) or context.recipe.start is None:
        return context.model_directory(before)
    return Path(context.recipe.start.path)
