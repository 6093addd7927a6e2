"""Pretraining: next-token prediction on plain text, measured in bits per byte beside a 5-gram.

With `[pretrain.infilling]` or `[pretrain.continuity]` in the recipe, part of every batch belongs to
an auxiliary task; see `auxiliary` for what they ask and `multitask` for how they are weighed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.auxiliary import Continuity, Infilling, Task
from chatapp.training.bits_per_byte import model_bits_per_byte
from chatapp.training.durable import read_json, write_json
from chatapp.training.loop import Trainer
from chatapp.training.multitask import AuxiliaryTask, MultiTask, TaskBatch, TaskBatches
from chatapp.training.ngram import NgramModel, ngram_bits_per_byte
from chatapp.training.objectives import Batch, next_token
from chatapp.training.prepare import text_shards
from chatapp.training.recipe import Recipe, StageRecipe
from chatapp.training.shards import PackedBatches, Shard
from chatapp.training.stages import RunContext

_BASELINE_TOKENS = 20_000_000  # a 5-gram of more needs more memory than the model


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(StageRecipe):
    """The settings of pretraining; without auxiliary tasks it is next-token prediction alone."""

    infilling: AuxiliaryTask | None = None
    continuity: AuxiliaryTask | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.text_rows < 1:
            raise ValueError("the auxiliary tasks leave no row of the batch for the next token")

    @property
    def auxiliary(self) -> dict[str, AuxiliaryTask]:
        """The auxiliary tasks that are asked for, by name."""
        both = {"infilling": self.infilling, "continuity": self.continuity}
        return {name: task for name, task in both.items() if task is not None}

    @property
    def text_rows(self) -> int:
        """Rows of a batch that predict the next token of running text."""
        return self.batch - sum(task.rows(self.batch) for task in self.auxiliary.values())


class Pretrain:
    """The first stage: from fresh weights, or those of an earlier run, to a language model."""

    name = "pretrain"

    def run(self, context: RunContext) -> None:
        """Train to the end of the budget; leave the model and `bits_per_byte.json`."""
        shards = text_shards(context, self.name, context.recipe.pretrain.sources)
        trainer, model = pretraining(context, *shards)
        trainer.run()
        context.write_model(self.name, model)
        measured = trainer.measure()
        if context.world.leads:
            held_out = _held_out(context, shards[1])
            text = _text(context.recipe, shards[0])
            _write_baseline(context, held_out, text, trainer.step, measured)
        context.complete(self.name, {"steps": trainer.step, "seconds": trainer.seconds})


def pretraining(
    context: RunContext, train: Shard, validation: Shard
) -> tuple[Trainer[Batch] | Trainer[TaskBatch], GPT]:
    """Return the model to train and its trainer, measured in bits per byte.

    The model has fresh weights, or those that the recipe starts from.
    """
    recipe = context.recipe
    settings = recipe.settings(Pretrain.name, PretrainSettings)
    held_out = _held_out(context, validation)
    model = _first_model(context)

    def evaluate(model: GPT) -> dict[str, float]:
        value = model_bits_per_byte(model, context.tokenizer, held_out, settings.sequence)
        return {"bits_per_byte": value}

    text = _text(recipe, train)
    if not settings.auxiliary:
        return Trainer(
            context, Pretrain.name, model, settings, text, next_token, evaluate=evaluate
        ), model
    tasks = tasks_of(settings.auxiliary, train, context.tokenizer, settings.sequence)
    batches = TaskBatches(
        text, tasks, sequence=settings.sequence, batch=settings.batch, seed=recipe.seed
    )
    objective = MultiTask(list(tasks))
    return Trainer(
        context, Pretrain.name, model, settings, batches, objective, evaluate=evaluate
    ), model


def _first_model(context: RunContext) -> GPT:
    recipe = context.recipe
    if recipe.start is not None:
        return context.load_start(recipe.start)
    model = GPT(recipe.model)
    model.initialise(torch.Generator().manual_seed(recipe.seed))
    return model


def _text(recipe: Recipe, train: Shard) -> PackedBatches:
    """Return the rows of running text of every batch."""
    settings = recipe.settings(Pretrain.name, PretrainSettings)
    return PackedBatches(
        train, sequence=settings.sequence, batch=settings.text_rows, seed=recipe.seed
    )


def _held_out(context: RunContext, validation: Shard) -> npt.NDArray[np.uint16]:
    return np.asarray(validation.tokens[: context.recipe.validation_tokens])


def tasks_of(
    wanted: Mapping[str, AuxiliaryTask], shard: Shard, tokenizer: ChatTokenizer, sequence: int
) -> dict[str, tuple[Task, AuxiliaryTask]]:
    """Make the auxiliary tasks over the text of a shard, for rows of `sequence` tokens."""
    kinds: dict[str, Callable[[Shard, ChatTokenizer, int], Task]] = {
        "infilling": Infilling,
        "continuity": Continuity,
    }
    return {name: (kinds[name](shard, tokenizer, sequence), how) for name, how in wanted.items()}


def _write_baseline(
    context: RunContext,
    held_out: npt.NDArray[np.uint16],
    batches: PackedBatches,
    steps: int,
    measured: dict[str, float],
) -> None:
    """Fit a 5-gram on the very text that the model has read and record both, once.

    Of a long run, on the first part of it: `training_tokens` says how much.
    """
    path = context.out / "bits_per_byte.json"
    if read_json(path) is not None:
        return
    context.say("fitting the 5-gram baseline")
    sizes = batches.batch(0).inputs.numel()
    steps = min(steps, max(1, _BASELINE_TOKENS // sizes))
    read = np.concatenate([_inputs(batches.batch(step)) for step in range(steps)])
    vocab_size = context.recipe.model.vocab_size
    ngram = NgramModel(read, order=5, vocab_size=vocab_size)
    write_json(
        path,
        {
            "model": measured["bits_per_byte"],
            "5-gram": ngram_bits_per_byte(ngram, held_out, context.tokenizer.byte_lengths()),
            "validation_tokens": len(held_out),
            "training_tokens": len(read),
        },
    )


def _inputs(batch: Batch) -> npt.NDArray[np.uint16]:
    tokens: npt.NDArray[np.uint16] = batch.inputs.numpy().astype(np.uint16).ravel()
    return tokens
