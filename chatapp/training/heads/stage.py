"""The task stage: a head for a labelled task, by each of the methods of tuning asked for.

It leaves `task-<method>/model/` for every method and one table of them, `task/table.json` and
`task/table.md`: weights trained, held-out accuracy, time.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from chatapp.model.adapter import merge
from chatapp.model.checkpoint import write_atomically
from chatapp.training.adapters import Tuning, trainable_parameters
from chatapp.training.durable import read_json, write_json
from chatapp.training.epochs import ExampleBatches
from chatapp.training.heads.batches import TaskBatch, TaskObjective, collate, task_logits
from chatapp.training.heads.examples import Examples, read_examples
from chatapp.training.heads.inputs import TaskRows, task_rows
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.heads.settings import TaskSettings
from chatapp.training.loop import Trainer
from chatapp.training.recipe import RecipeError
from chatapp.training.shards import is_validation
from chatapp.training.stages import RunContext

HEAD_FILE = "task_head.safetensors"
_MEASURED_AT_ONCE = 32
Row = dict[str, Any]


class Task:
    """From a language model to one that labels."""

    name = "task"

    def run(self, context: RunContext) -> None:
        """Train a head by every method; write the table."""
        if context.world.size > 1:
            raise RecipeError("the task stage runs in one process; start it without torchrun")
        settings = context.recipe.settings(self.name, TaskSettings)
        found = read_examples(context.recipe.root, settings.sources, settings.task, settings.limit)
        rows = [_Method(context, settings, found, method).run() for method in settings.tune]
        majority = _majority(found, settings)
        if context.world.leads:
            directory = context.directory(self.name)
            table = {"task": settings.task, "labels": found.labels, "majority": majority}
            write_json(directory / "table.json", {**table, "rows": rows})
            write_atomically(directory / "table.md", markdown(rows, majority))
        context.say(markdown(rows, majority))
        context.complete(self.name, {"methods": len(rows)})


class _Method:
    """One method's training."""

    def __init__(
        self, context: RunContext, settings: TaskSettings, found: Examples, method: str
    ) -> None:
        # a soft prompt's ids are this method's alone
        self._context = dataclasses.replace(context, tokenizer=copy.copy(context.tokenizer))
        self._settings, self._found, self._method = settings, found, method
        self._name = f"{Task.name}-{method.replace('+', '-')}"

    def run(self) -> Row:
        """Train unless that is done; return the method's row of the table."""
        file = self._context.directory(self._name) / "row.json"
        known = read_json(file)
        if known is not None:
            return known
        seed = self._context.recipe.seed
        model = HeadedGPT(
            self._context.load_model("finetune", "pretrain"), len(self._found.labels) or 1
        )
        model.initialise(torch.Generator().manual_seed(seed))
        row: Row = {"method": self._method, "weights": 0, "seconds": 0.0}
        steps = self._method.split("+")
        for number, step in enumerate(steps, start=1):
            trainer = self._trainer(model, step, number, len(steps))
            row["weights"] = max(row["weights"], trainable_parameters(model))
            trainer.run()
            row["seconds"] += trainer.seconds
            if step != "prompt":
                merge(model)
        model.eval()
        row |= self._accuracy(model, self._examples(held_out=True))
        self._write(model, steps[-1])
        if self._context.world.leads:
            write_json(file, row)
        return row

    def _trainer(self, model: HeadedGPT, step: str, number: int, steps: int) -> Trainer[TaskBatch]:
        settings, context = self._settings, self._context
        tuning = Tuning(step, settings.rank, settings.alpha, settings.prompt_tokens, settings.thaw)
        tuning.prepare(
            model.gpt, context.tokenizer, torch.Generator().manual_seed(context.recipe.seed)
        )
        examples = self._examples(held_out=False)
        padding = context.tokenizer.padding

        def batch(numbers: list[int]) -> TaskBatch:
            return collate([examples[n] for n in numbers], padding)

        budget = settings.budgeted(len(examples))
        return Trainer(
            context,
            self._name if steps == 1 else f"{self._name}-{number}",
            model,
            dataclasses.replace(
                budget, tokens=budget.tokens // steps, minutes=budget.minutes / steps
            ),
            ExampleBatches(
                [max(map(len, example.rows)) for example in examples],
                batch,
                batch=settings.batch,
                seed=context.recipe.seed + number,
            ),
            TaskObjective(settings.lm_weight),
            before_step=lambda progress: tuning.thaw_to(model.gpt, progress),
            fixed_shapes=False,
        )

    def _examples(self, *, held_out: bool) -> list[TaskRows]:
        settings, tokenizer = self._settings, self._context.tokenizer
        return [
            task_rows(tokenizer, settings.task, example, settings.sequence)
            for example in self._found.examples
            if is_validation(example.id, settings.held_out) == held_out
        ]

    @torch.no_grad()
    def _accuracy(self, model: HeadedGPT, examples: Sequence[TaskRows]) -> Row:
        right, padding = 0, self._context.tokenizer.padding
        for start in range(0, len(examples), _MEASURED_AT_ONCE):
            batch = collate(examples[start : start + _MEASURED_AT_ONCE], padding)
            moved = TaskBatch(*(part.to(self._context.device) for part in batch))
            right += int((task_logits(model, moved).argmax(1) == moved.labels).sum())
        share = right / len(examples)
        error = math.sqrt(share * (1 - share) / len(examples))
        return {"accuracy": share, "stderr": error, "examples": len(examples)}

    def _write(self, model: HeadedGPT, last: str) -> None:
        """Leave the tuned model with its head; a soft prompt lies beside the base's weights."""
        context, directory = self._context, self._context.model_directory(self._name)
        tensors = {name: t.detach().cpu() for name, t in model.scores.state_dict().items()}
        if last == "prompt":
            first = model.gpt.config.vocab_size
            tensors["prompt_embeddings"] = model.gpt.embedding.weight[first:].detach().cpu()
        else:
            context.write_model(self._name, model.gpt)
        if context.world.leads:
            _write_head(directory, tensors, self._found.labels)


def _write_head(directory: Path, tensors: dict[str, torch.Tensor], labels: Sequence[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / (HEAD_FILE + ".tmp")
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        temporary,
        metadata={"labels": "\n".join(labels)},
    )
    temporary.chmod(0o644)  # the library writes it for its owner alone
    temporary.replace(directory / HEAD_FILE)


def _majority(found: Examples, settings: TaskSettings) -> float:
    """Return what always saying the commonest class of the training examples would reach."""
    counts: dict[int, int] = {}
    held = []
    for example in found.examples:
        if is_validation(example.id, settings.held_out):
            held.append(example)
        else:
            counts[example.label] = counts.get(example.label, 0) + 1
    if settings.task == "choice":
        return sum(1 / len(example.others) for example in held) / len(held)
    commonest = max(counts, key=lambda label: counts[label])
    return sum(example.label == commonest for example in held) / len(held)


def markdown(rows: Sequence[Row], majority: float) -> str:
    """Return the table as Markdown."""
    lines = ["| method | weights trained | held-out accuracy | seconds |", "|---|---:|---:|---:|"]
    lines += [
        f"| {row['method']} | {row['weights']:,} | {row['accuracy']:.3f} ± {row['stderr']:.3f} "
        f"| {row['seconds']:.0f} |"
        for row in rows
    ]
    lines.append(f"| commonest class, or chance | 0 | {majority:.3f} | 0 |")
    return "\n".join(lines) + "\n"
