"""What each auxiliary task of pretraining does: an ablation at equal tokens, over several seeds.

Four runs a seed: the next token alone, with infilling, with continuity, with both. Every batch has
the same number of rows, so an auxiliary row takes the place of a row of text. All models are then
measured on the same validation text: bits per byte, the loss on the blanks, and the loss and the
accuracy of the choice between two sentences (chance: 0.693 nats and 0.5).

    python benchmarks/auxiliary.py --recipe data/recipes/smoke.toml --seeds 3
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import statistics
import sys
import tempfile
from pathlib import Path

import torch

from chatapp.model.checkpoint import load_model
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.cross_entropy import IGNORED
from chatapp.training.devices import keep_freed_memory
from chatapp.training.multitask import AuxiliaryTask, MultiTask, TaskBatches
from chatapp.training.objectives import rows
from chatapp.training.pipeline import Run
from chatapp.training.pretrain import tasks_of
from chatapp.training.recipe import Recipe, load_recipe
from chatapp.training.shards import PackedBatches, Shard

VARIANTS = {
    "next token alone": (),
    "with infilling": ("infilling",),
    "with continuity": ("continuity",),
    "with both": ("infilling", "continuity"),
}
MEASURED_ROWS = 128  # of each task


def trained(recipe: Recipe, out: Path, tasks: tuple[str, ...], how: AuxiliaryTask) -> Path:
    """Pretrain with some tasks; return the directory of the run."""
    every = {name: how if name in tasks else None for name in ("infilling", "continuity")}
    with_tasks = dataclasses.replace(recipe.pretrain, **every)
    chosen = dataclasses.replace(recipe, stages={"pretrain": with_tasks})
    Run(chosen, out).execute()
    return out


def measured(recipe: Recipe, out: Path) -> dict[str, float]:
    """Return bits per byte and the losses of all tasks on the run's validation text."""
    model, tokenizer = load_model(out / "pretrain" / "model")
    shard = Shard.load(out / "shards" / "pretrain-validation", tokenizer.fingerprint)
    assert shard is not None
    values = task_losses(model, tokenizer, shard, recipe.pretrain.sequence)
    bits = json.loads((out / "bits_per_byte.json").read_text(encoding="utf-8"))
    return {"bits_per_byte": bits["model"], **values}


def task_losses(
    model: GPT, tokenizer: ChatTokenizer, shard: Shard, sequence: int
) -> dict[str, float]:
    """Return the mean loss of each task, and how often the following sentence is chosen."""
    asked = {name: AuxiliaryTask(share=0.5) for name in ("infilling", "continuity")}
    tasks = tasks_of(asked, shard, tokenizer, sequence)
    text = PackedBatches(shard, sequence=sequence, batch=1, seed=0)
    source = TaskBatches(text, tasks, sequence=sequence, batch=2 * MEASURED_ROWS, seed=0)
    batch = source.batch(0)
    objective, sums = MultiTask(list(tasks)), dict.fromkeys(tasks, 0.0)
    with torch.no_grad():
        for start in range(0, len(batch.inputs), 16):
            part = objective(model, rows(batch, start, start + 16))[1]
            sums = {name: sums[name] + part[name].item() for name in sums}
        losses = {name: total / batch.examples for name, total in sums.items()}
        chosen = batch.tasks == list(tasks).index("continuity") + 1
        right = accuracy(model, tokenizer, batch.inputs[chosen], batch.targets[chosen])
    return {**losses, "continuity_accuracy": right}


def accuracy(
    model: GPT, tokenizer: ChatTokenizer, inputs: torch.Tensor, targets: torch.Tensor
) -> float:
    """Return how often the right letter of the two is the likelier one."""
    letters = torch.tensor([tokenizer.encode(f" {letter}")[0] for letter in "AB"])
    asked = targets != IGNORED
    logits = torch.cat([model(part) for part in inputs.split(16)])[asked][:, letters]
    return (letters[logits.argmax(dim=1)] == targets[asked]).float().mean().item()


def spread(values: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return statistics.mean(values), error


def main() -> None:
    """Train and measure every variant; print the table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=Path("data/recipes/smoke.toml"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.125)
    parser.add_argument("--weight", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    recipe = load_recipe(options.recipe, options.data, options.overrides)
    how = AuxiliaryTask(share=options.share, weight=options.weight)
    means: dict[str, float] = {}
    errors: dict[str, float] = {}
    for variant, tasks in VARIANTS.items():
        found: dict[str, list[float]] = {}
        for seed in range(1, options.seeds + 1):
            with tempfile.TemporaryDirectory() as out:
                seeded = dataclasses.replace(recipe, seed=seed)
                for name, value in measured(seeded, trained(seeded, Path(out), tasks, how)).items():
                    found.setdefault(name, []).append(value)
        cells = {name: spread(values) for name, values in found.items()}
        shown = "  ".join(
            f"{name} {mean:.4f} ± {error:.4f}" for name, (mean, error) in cells.items()
        )
        print(f"{variant:<18} {shown}", file=sys.stderr)
        means |= {f"{variant}: {name}": round(mean, 4) for name, (mean, _) in cells.items()}
        errors |= {f"{variant}: {name}": round(error, 4) for name, (_, error) in cells.items()}
    line = {
        "metrics": means,
        "n": options.seeds,
        "stderr": errors,
        "config": {
            "recipe": options.recipe.stem,
            "tokens": recipe.pretrain.tokens,
            "share": options.share,
            "weight": options.weight,
        },
        "machine": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
