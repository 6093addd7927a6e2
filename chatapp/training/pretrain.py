"""Pretraining: next-token prediction on plain text, measured in bits per byte beside a 5-gram."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from chatapp.model.gpt import GPT
from chatapp.training.bits_per_byte import model_bits_per_byte
from chatapp.training.durable import read_json, write_json
from chatapp.training.loop import Batches, Trainer
from chatapp.training.ngram import NgramModel, ngram_bits_per_byte
from chatapp.training.objectives import Batch, next_token
from chatapp.training.prepare import text_shards
from chatapp.training.shards import PackedBatches, Shard
from chatapp.training.stages import RunContext


class Pretrain:
    """The first stage: from fresh weights to a language model."""

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
            _write_baseline(context, held_out, trainer.batches, trainer.step, measured)
        context.complete(self.name, {"steps": trainer.step, "seconds": trainer.seconds})


def pretraining(context: RunContext, train: Shard, validation: Shard) -> tuple[Trainer[Batch], GPT]:
    """Return the recipe's model with fresh weights and its trainer, measured in bits per byte."""
    recipe, settings = context.recipe, context.recipe.pretrain
    held_out = _held_out(context, validation)
    model = GPT(recipe.model)
    model.initialise(torch.Generator().manual_seed(recipe.seed))

    def evaluate(model: GPT) -> dict[str, float]:
        value = model_bits_per_byte(model, context.tokenizer, held_out, settings.sequence)
        return {"bits_per_byte": value}

    packing = {"sequence": settings.sequence, "batch": settings.batch, "seed": recipe.seed}
    batches = PackedBatches(train, **packing)
    trainer = Trainer(
        context, Pretrain.name, model, settings, batches, next_token, evaluate=evaluate
    )
    return trainer, model


def _held_out(context: RunContext, validation: Shard) -> npt.NDArray[np.uint16]:
    return np.asarray(validation.tokens[: context.recipe.validation_tokens])


def _write_baseline(
    context: RunContext,
    held_out: npt.NDArray[np.uint16],
    batches: Batches[Batch],
    steps: int,
    measured: dict[str, float],
) -> None:
    """Fit a 5-gram on the very text that the model has read and record both, once."""
    path = context.out / "bits_per_byte.json"
    if read_json(path) is not None:
        return
    context.say("fitting the 5-gram baseline")
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
