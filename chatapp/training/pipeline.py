"""A whole run from raw records to a chat model, stage by stage, each resumable.

    tokenizer -> the stages of the recipe -> model directory

Everything lies under the run's directory; a stage that is complete there is not run again, so
`--resume` is simply to run once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from chatapp.machine import machine
from chatapp.model.checkpoint import load_model, save_model
from chatapp.model.int8 import quantise_model
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.distributed import World
from chatapp.training.durable import lock, write_json
from chatapp.training.ladder import judge
from chatapp.training.prepare import tokenizer_of
from chatapp.training.readers import HUB, source_files
from chatapp.training.recipe import Recipe, Source
from chatapp.training.stages import CHAT_MODELS, RunContext, planned_stages, run_stages

_LARGEST_FILE = 45_000_000  # bytes of a file of the form that is shipped: hosts of code take it


@dataclass
class Run:
    """A recipe and the directory its results go to."""

    recipe: Recipe
    out: Path
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    world: World = field(default_factory=World)

    def execute(self, stage: str | None = None) -> Path:
        """Run every stage that is not complete, or one; return the finished model's directory.

        Raises:
            RecipeError: the directory holds a run of another recipe, or there is no such stage.
            MissingFile: a stage that is still to run names files that are not there.
            RunLocked: another process is training there.
            Stopped: a signal asked to stop; what is done is saved.
        """
        # Refuse before anything is written, and before an hour of training is spent.
        self._find_data(planned_stages(self.recipe, stage))
        with self._held():
            self._note_machine()
            context = RunContext(self.recipe, self.out, self._tokenizer(), self.device, self.world)
            run_stages(context, stage)
            judge(context)
            if not any(context.is_complete(name) for name in self._shipping):
                return self.out  # a ladder alone leaves no model
            directory = self.out / "model"
            if self.world.leads:
                self._write_model(context, directory)
            self.world.wait()
            return directory

    @property
    def _shipping(self) -> tuple[str, ...]:
        """The stages whose model may be the finished one, the first that is complete."""
        return (self.recipe.ship,) if self.recipe.ship else CHAT_MODELS

    def _find_data(self, stages: Iterable[str]) -> None:
        for name in stages:
            if (self.out / name / "done.json").is_file():
                continue  # its data may be gone by now
            values = vars(self.recipe.stages[name]).values()
            lists = (value for value in values if isinstance(value, tuple))
            for source in (item for items in lists for item in items if isinstance(item, Source)):
                if not source.path.startswith(HUB):
                    source_files(self.recipe.root, source)

    @contextmanager
    def _held(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self.world.leads:
                stack.enter_context(lock(self.out))
            yield

    def _note_machine(self) -> None:
        """Record where the run takes place, for its report card."""
        if self.world.leads:
            facts = {**machine(), "device": str(self.device), "processes": self.world.size}
            write_json(self.out / "machine.json", facts)

    def _tokenizer(self) -> ChatTokenizer:
        """Return the tokenizer that rank 0 has made or found."""
        if self.world.leads:
            tokenizer_of(self.recipe, self.out)
        self.world.wait()
        return tokenizer_of(self.recipe, self.out)

    def _write_model(self, context: RunContext, directory: Path) -> None:
        """Put the chat model where it is looked for, in the recipe's dtype."""
        model = context.load_model(*self._shipping)
        shipped = self.recipe.weights_dtype == "int8"
        dtype = torch.float32 if shipped else getattr(torch, self.recipe.weights_dtype)
        save_model(
            directory,
            quantise_model(model) if shipped else model,
            context.tokenizer,
            dtype=dtype,
            metadata={"recipe": self.recipe.name},
            max_file_bytes=_LARGEST_FILE if shipped else None,
        )
        load_model(directory)  # what was written can be read, or this run is not done
