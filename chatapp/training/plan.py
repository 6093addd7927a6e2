"""What a recipe will cost and reach, before anything is run: `chatapp train RECIPE --plan`.

Counts (parameters, FLOPs, weights, optimiser states, disk) are exact; activations, times and the
loss are estimates, and the plan says on what they rest. Nothing is written and no record is read.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from chatapp import resources
from chatapp.model.config import ModelConfig
from chatapp.training.footprint import GPUS, matrix_weights, memory, sharding
from chatapp.training.ladder import load_prediction, training_flops
from chatapp.training.readers import HUB, source_files
from chatapp.training.recipe import Recipe, Source, StageRecipe
from chatapp.training.scaling import Point, effective_tokens, predict
from chatapp.training.tables import MissingFile

SHIPPED_LADDER = "cpu-ladder.json"
# Share of the matmul rate that training reaches, and the width below which it falls in proportion:
# GPUs 0.4 at 512 (autoresearch) and 768 (nanochat), CPUs 0.3 at 320, less at 96 (docs/log.md).
_UTILISATION = {"cuda": (0.40, 512), "cpu": (0.30, 320)}
_FURTHEST = 100.0  # times the compute of a ladder's largest rung: beyond it nothing is predicted
_UNPACKED = {".xz": 3.8, ".gz": 2.7, ".zst": 3.0, ".parquet": 2.0}  # bytes of text per byte on disk


def make_plan(recipe: Recipe, out: Path, gpus: int, kind: str, probe_seconds: float = 2.0) -> Any:
    """Return the plan as JSON values.

    Args:
        out: directory of the run; a prediction that lies there is used.
        gpus: how many GPUs of `kind` (a key of `GPUS`) to plan for.
        probe_seconds: how long this machine's matrix products are timed.
    """
    model, here = recipe.model, _device()
    rate = matmul_rate(model, probe_seconds)
    sustained = rate * _utilisation(here, model)
    learned = {
        name: _in_tokens(stage, model, sustained)
        for name, stage in recipe.stages.items()
        if isinstance(stage, StageRecipe) and (stage.tokens or stage.minutes)
    }
    data = {name: list(_sources(recipe, stage)) for name, stage in recipe.stages.items()}
    flops = {name: training_flops(model, stage) for name, stage in learned.items()}
    longest = next(iter(learned.values()), None)
    return {
        "recipe": recipe.name,
        "derived": list(recipe.derived),
        "model": _model_facts(model),
        "pretrain": _reading_facts(learned, data, model),
        "memory_bytes": None if longest is None else memory(model, longest, 1, "one"),
        "sharding": None if longest is None else sharding(model, longest, gpus, GPUS[kind], kind),
        "time": {
            "stages": list(learned),
            "flops": sum(flops.values()),
            "this_machine": {
                "device": here,
                "matmul_flops": rate,
                "utilisation": sustained / rate,
                "seconds": sum(flops.values()) / sustained,
            },
            "gpus": {
                name: {
                    "count": gpus,
                    "utilisation": _utilisation("cuda", model),
                    "seconds": sum(flops.values())
                    / (gpus * one.flops * _utilisation("cuda", model)),
                }
                for name, one in GPUS.items()
            },
        },
        "disk_bytes": _disk(recipe, data),
        "loss": predicted_loss(recipe, out, learned, data),
        "stages": {
            name: {
                "budget": _budget(stage),
                "flops": flops.get(name),
                "seconds": flops[name] / sustained if name in flops else None,
                "reads": data[name],
            }
            for name, stage in recipe.stages.items()
        },
        "missing": [
            source["path"] for found in data.values() for source in found if not source["files"]
        ],
    }


def _utilisation(device: str, model: ModelConfig) -> float:
    best, width = _UTILISATION[device]
    return best * min(1.0, model.d_model / width)


def _in_tokens(stage: StageRecipe, model: ModelConfig, sustained: float) -> StageRecipe:
    """Return the stage with its budget in tokens; minutes are those of this machine."""
    if stage.tokens:
        return stage
    tokens = stage.minutes * 60 * sustained / (3 * model.flops_per_token(stage.sequence))
    return dataclasses.replace(stage, tokens=int(tokens), minutes=0.0)


def _reading_facts(
    learned: Mapping[str, StageRecipe], data: Mapping[str, list[dict[str, Any]]], model: ModelConfig
) -> dict[str, Any] | None:
    """Say what pretraining reads and how often, or None in a recipe without it."""
    settings = learned.get("pretrain")
    if settings is None:
        return None
    unique = _unique_tokens(data["pretrain"], model.vocab_size)
    return {
        "tokens": settings.tokens,
        "steps": -(-settings.tokens // (settings.batch * settings.sequence)),
        "tokens_per_step": settings.batch * settings.sequence,
        "unique_tokens": unique,
        "epochs": settings.tokens / unique if unique else None,
        "worth_of_fresh_tokens": effective_tokens(settings.tokens, unique) if unique else None,
        "flops_per_token": 3 * model.flops_per_token(settings.sequence),
        "flops": training_flops(model, settings),
    }


def matmul_rate(model: ModelConfig, seconds: float) -> float:
    """Measure the FLOP/s of bfloat16 products shaped like the feed-forward; the best timing."""
    device = torch.device(_device())
    rows = 2048
    left = torch.randn(rows, model.d_model, device=device, dtype=torch.bfloat16)
    right = torch.randn(model.d_model, model.d_ff, device=device, dtype=torch.bfloat16)
    best, began = 0.0, time.monotonic()
    repeats = 1
    while time.monotonic() - began < seconds or not best:
        started = time.monotonic()
        for _ in range(repeats):
            left @ right
        if device.type == "cuda":
            torch.cuda.synchronize()
        elapsed = time.monotonic() - started
        best = max(best, repeats * 2 * rows * model.d_model * model.d_ff / elapsed)
        repeats = max(1, int(repeats * 0.05 / elapsed))  # about 20 timings a second
    return best


def predicted_loss(
    recipe: Recipe,
    out: Path,
    learned: Mapping[str, StageRecipe],
    data: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return the bits per byte that pretraining should reach, and how that is known."""
    settings = learned.get("pretrain")
    if settings is None:
        return {"predicted": None, "how": "the recipe has no pretraining"}
    if recipe.start is not None:
        how = "the recipe goes on with a model that has learnt; ladders begin with fresh ones"
        return {"predicted": None, "how": how}
    flops = training_flops(recipe.model, settings)
    unique = _unique_tokens(data["pretrain"], recipe.model.vocab_size)
    own = load_prediction(out)
    if own is not None and own["compute"] == flops:
        return {key: own[key] for key in ("metric", "predicted", "low", "high", "level")} | {
            "how": f"this run's ladder of {len(own['rungs'])} small models"
        }
    path = resources.recipes_dir() / SHIPPED_LADDER
    if not path.is_file():
        return {"predicted": None, "how": "no ladder has been fitted; add [ladder] to the recipe"}
    ladder = json.loads(path.read_text(encoding="utf-8"))
    largest = max(rung["compute"] for rung in ladder["rungs"])
    if flops > _FURTHEST * largest:
        return {
            "predicted": None,
            "how": f"{flops / largest:,.0f} times the compute of the largest model of the shipped "
            "ladder: too far to say; add [ladder] to the recipe",
        }
    points = [Point(rung["compute"], rung[ladder["metric"]]) for rung in ladder["rungs"]]
    found = predict(
        points,
        flops,
        noise=ladder["noise_of_seeds"],
        tokens=settings.tokens,
        unique=unique or settings.tokens,
    )
    return {
        "metric": ladder["metric"],
        "predicted": found.loss,
        "low": found.low,
        "high": found.high,
        "level": found.level,
        "how": f"the shipped ladder of {len(points)} small models on one mix of English text at "
        f"{ladder['tokens_per_weight']:.1f} tokens per weight, {flops / largest:.2g} times the "
        "compute of its largest; other text or another ratio shifts it",
    }


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _model_facts(model: ModelConfig) -> dict[str, Any]:
    tables = model.vocab_size * model.d_model
    return {
        "parameters": model.parameter_count(),
        "matrices": matrix_weights(model),
        "embedding": tables,
        "head": 0 if model.tie_embeddings else tables,
        "layers": model.n_layers,
        "width": model.d_model,
        "heads": model.n_heads,
        "feed_forward": model.d_ff,
        "context_length": model.context_length,
        "vocabulary": model.vocab_size,
        "attention": list(model.attention),
        "forward_flops_per_token": model.flops_per_token(model.context_length),
    }


def _sources(recipe: Recipe, stage: Any) -> Iterator[dict[str, Any]]:
    """Yield what a stage reads: every `Source` among its settings, and whether it is there."""
    for field in dataclasses.fields(stage):
        value = getattr(stage, field.name)
        for source in value if isinstance(value, tuple) else (value,):
            if isinstance(source, Source):
                yield _reading(recipe.root, source)


def _reading(root: Path, source: Source) -> dict[str, Any]:
    facts = {"path": source.path, "repeat": source.repeat}
    if source.path.startswith(HUB):
        return facts | {"files": 1, "text_bytes": int(source.max_mb * 1e6)}
    try:
        files = source_files(root, source)
    except MissingFile:
        return facts | {"files": 0, "text_bytes": 0}
    whole = sum(file.stat().st_size * _UNPACKED.get(file.suffix, 1.0) for file in files)
    taken = min(whole, source.max_mb * 1e6) if source.max_mb else whole
    return facts | {"files": len(files), "text_bytes": int(taken)}


def _unique_tokens(reads: list[dict[str, Any]], vocabulary: int) -> int:
    """Estimate the different tokens of some sources: 2.9 bytes each at a vocabulary of 2,048, and
    0.45 more for every doubling (3.8 measured at 8,192)."""
    bytes_per_token = min(4.8, 2.9 + 0.45 * (vocabulary.bit_length() - 12))
    return int(sum(source["text_bytes"] for source in reads) / max(1.0, bytes_per_token))


def _disk(recipe: Recipe, data: Mapping[str, list[dict[str, Any]]]) -> dict[str, int]:
    weights, matrices = recipe.model.parameter_count(), matrix_weights(recipe.model)
    stages = len(recipe.stages)
    state = 4 * weights + 4 * matrices + 8 * (weights - matrices)
    tokens = sum(_unique_tokens(reads, recipe.model.vocab_size) for reads in data.values())
    parts = {
        "states": stages * state,
        "models": stages * 4 * weights + 2 * weights,
        "shards": 2 * tokens,
        "while_saving": state,  # the new state is whole before the old one goes
    }
    return parts | {"total": sum(parts.values())}


def _budget(stage: Any) -> dict[str, Any]:
    """Return what bounds a stage, whichever way its settings say it."""
    names = ("tokens", "minutes", "epochs", "updates", "rollouts", "widths")
    values = {name: getattr(stage, name, None) for name in names}
    return {name: value for name, value in values.items() if value}
