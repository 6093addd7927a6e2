"""A whole run from raw records to a chat model, stage by stage, each resumable.

    tokenizer -> shards -> pretraining -> supervised fine-tuning -> model directory

Everything a stage leaves lies under the run's directory; a stage that is complete there is not run
again, so `--resume` is simply to run once more.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from chatapp.model.checkpoint import load_model, save_model, write_atomically
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.bits_per_byte import model_bits_per_byte
from chatapp.training.loop import Trainer, mean_loss
from chatapp.training.ngram import NgramModel, ngram_bits_per_byte
from chatapp.training.recipe import Recipe, RecipeError, Source, StageRecipe
from chatapp.training.records import read_chats, read_texts
from chatapp.training.shards import PackedBatches, Shard, tokenise_chats, tokenise_texts

_FINETUNE_VALIDATION_BATCHES = 8


@dataclass
class Run:
    """A recipe and the directory its results go to."""

    recipe: Recipe
    out: Path

    def execute(self) -> Path:
        """Run every stage that is not complete; return the directory of the finished model.

        Raises:
            RecipeError: the directory holds a run of another recipe.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.recipe.seed)
        tokenizer = self._tokenizer()
        base = self._pretrain(tokenizer)
        chat = self._finetune(base, tokenizer)
        return self._write_model(chat, tokenizer)

    def _claim(self, stage: str, facts: dict[str, Any]) -> None:
        """Refuse to continue a stage with other settings than it was begun with."""
        stamp = self.out / f"{stage}.recipe.json"
        if not stamp.is_file():
            write_atomically(stamp, json.dumps(facts, indent=2) + "\n")
        elif json.loads(stamp.read_text(encoding="utf-8")) != facts:
            raise RecipeError(
                f"{self.out} holds a {stage} stage begun with other settings; "
                f"give another --out, restore the recipe, or delete {stage}.* there"
            )

    def _tokenizer(self) -> ChatTokenizer:
        path = self.out / "tokenizer.json"
        if path.is_file():
            return ChatTokenizer.load(path)
        say("training the tokenizer")
        tokenizer = ChatTokenizer.train(self._tokenizer_texts(), self.recipe.tokenizer.vocab_size)
        temporary = path.with_suffix(".tmp")
        tokenizer.save(temporary)
        temporary.replace(path)
        return tokenizer

    def _tokenizer_texts(self) -> Iterator[str]:
        share = self.recipe.tokenizer.mb_per_source
        for source in self.recipe.pretrain.sources:
            for text in read_texts(self.recipe.root, Source(source.path, share)):
                yield text.text
        for source in self.recipe.finetune.sources:
            for chat in read_chats(self.recipe.root, Source(source.path, share)):
                yield from (content for _, content in chat.messages)

    def _pretrain(self, tokenizer: ChatTokenizer) -> GPT:
        recipe, stage = self.recipe, self.recipe.pretrain
        self._claim("pretrain", self._facts(stage))
        train, validation = self._shards("pretrain", tokenizer, read_texts, tokenise_texts)
        held_out = validation.tokens[: recipe.validation_tokens]
        model = GPT(recipe.model)
        model.initialise(torch.Generator().manual_seed(recipe.seed))

        def evaluate() -> dict[str, float]:
            value = model_bits_per_byte(model, tokenizer, held_out, stage.sequence)
            return {"bits_per_byte": value}

        trainer = Trainer(
            "pretrain",
            model,
            stage,
            PackedBatches(train, sequence=stage.sequence, batch=stage.batch, seed=recipe.seed),
            out=self.out,
            evaluate=evaluate,
            compile_model=recipe.compile,
        )
        self._train(trainer)
        self._write_baseline(np.asarray(held_out), tokenizer, trainer)
        return model

    def _finetune(self, model: GPT, tokenizer: ChatTokenizer) -> GPT:
        recipe, stage = self.recipe, self.recipe.finetune
        self._claim("finetune", self._facts(stage))
        train, validation = self._shards("finetune", tokenizer, read_chats, tokenise_chats)
        packing = {"sequence": stage.sequence, "batch": stage.batch, "seed": recipe.seed}
        held_out = PackedBatches(validation, **packing)

        def evaluate() -> dict[str, float]:
            return {"validation_loss": mean_loss(model, held_out, _FINETUNE_VALIDATION_BATCHES)}

        trainer = Trainer(
            "finetune",
            model,
            stage,
            PackedBatches(train, **packing),
            out=self.out,
            evaluate=evaluate,
            compile_model=recipe.compile,
        )
        self._train(trainer)
        return model

    def _train(self, trainer: Trainer) -> None:
        if trainer.resume():
            say(f"{trainer.name}: continuing at step {trainer.run.step}")
        trainer.train()

    def _shards(
        self,
        name: str,
        tokenizer: ChatTokenizer,
        read: Callable[[Path, Source], Iterable[Any]],
        tokenise: Callable[..., tuple[Shard, Shard]],
    ) -> tuple[Shard, Shard]:
        """Return the stage's training and validation shard, tokenising what is missing."""
        directories = (
            self.out / "shards" / f"{name}-train",
            self.out / "shards" / f"{name}-validation",
        )
        train, validation = (Shard.load(directory) for directory in directories)
        if train is None or validation is None:
            stage = getattr(self.recipe, name)
            records = (
                record
                for source in stage.sources
                for _ in range(source.repeat)
                for record in read(self.recipe.root, source)
            )
            with _megabytes(f"{name}: tokenising") as progress:
                train, validation = tokenise(
                    records, tokenizer, self.recipe.validation_permille, progress
                )
            train.save(directories[0])
            validation.save(directories[1])
        return train, validation

    def _facts(self, stage: StageRecipe) -> dict[str, Any]:
        """The settings that make two runs of a stage the same; where the data lie is none."""
        return {
            "seed": self.recipe.seed,
            "tokenizer": repr(self.recipe.tokenizer),
            "model": repr(self.recipe.model),
            "stage": repr(stage),
            "validation_permille": self.recipe.validation_permille,
        }

    def _write_baseline(
        self, held_out: npt.NDArray[np.uint16], tokenizer: ChatTokenizer, trainer: Trainer
    ) -> None:
        """Fit a 5-gram on the very text that the model has read and record both, once."""
        path = self.out / "bits_per_byte.json"
        if path.is_file():
            return
        say("fitting the 5-gram baseline")
        steps = range(trainer.run.step)
        read = np.concatenate([trainer.batches.batch(step).inputs.flatten() for step in steps])
        ngram = NgramModel(read.astype(np.uint16), order=5, vocab_size=self.recipe.model.vocab_size)
        result = {
            "model": trainer.evaluate()["bits_per_byte"],
            "5-gram": ngram_bits_per_byte(ngram, held_out, tokenizer.byte_lengths()),
            "validation_tokens": len(held_out),
            "training_tokens": len(read),
        }
        write_atomically(path, json.dumps(result, indent=2) + "\n")

    def _write_model(self, model: GPT, tokenizer: ChatTokenizer) -> Path:
        directory = self.out / "model"
        dtype = getattr(torch, self.recipe.weights_dtype)
        save_model(directory, model, tokenizer, dtype=dtype, metadata={"recipe": self.recipe.name})
        load_model(directory)  # what was written can be read, or this run is not done
        return directory


def say(text: str) -> None:
    """Tell the person what is going on, on stderr."""
    tqdm.write(text, file=sys.stderr)


@contextmanager
def _megabytes(description: str) -> Iterator[Callable[[int], None]]:
    with tqdm(desc=description, unit="B", unit_scale=True) as bar:

        def progress(count: int) -> None:
            bar.update(count)

        yield progress
