"""How fast a recipe pretrains: tokens a second, and what share of this machine's matmul peak.

Three things are measured in one run, on the recipe's model and batch with random tokens: the best
rate of a bfloat16 matrix product; a naive peer (eager autocast, whole logits, AdamW on everything);
and our trainer, as `chatapp train` runs it. FLOPs are the model's own count (`flops_per_token`,
three times for forward and backward); the optimiser's are not counted as useful. The first steps,
which compile and warm up, are left out.

    python benchmarks/training.py --recipe data/recipes/cpu-small.toml --threads 2
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.devices import choose_device, keep_freed_memory
from chatapp.training.loop import Trainer
from chatapp.training.objectives import next_token
from chatapp.training.recipe import Recipe, load_recipe
from chatapp.training.shards import PackedBatches, Shard
from chatapp.training.stages import RunContext

SHAPES = ((2048, 2048, 2048), (4096, 512, 2048), (8192, 320, 832), (8192, 4096, 4096))
WARM_UP = 3


def synchronise(device: torch.device) -> None:
    """Wait for the device, so that a clock read afterwards is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return how long one call takes."""
    synchronise(device)
    began = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - began


def matmul_peak(device: torch.device) -> float:
    """Return the best FLOP/s of a bfloat16 matrix product over a few shapes."""
    rates = []
    for m, k, n in SHAPES:
        a = torch.randn(m, k, device=device, dtype=torch.bfloat16)
        b = torch.randn(n, k, device=device, dtype=torch.bfloat16)
        fastest = min(seconds(lambda a=a, b=b: functional.linear(a, b), device) for _ in range(8))
        rates.append(2 * m * k * n / fastest)
    return max(rates)


def text(recipe: Recipe, tokens: int) -> PackedBatches:
    """Return batches of random tokens in the shape of the recipe's pretraining."""
    draw = np.random.default_rng(0)
    ids = draw.integers(0, recipe.model.vocab_size, tokens, dtype=np.uint16)
    shard = Shard(ids, np.arange(0, tokens + 1, 256), None, tokens)
    settings = recipe.pretrain
    return PackedBatches(shard, sequence=settings.sequence, batch=settings.batch, seed=0)


def naive_times(recipe: Recipe, device: torch.device, steps: int) -> list[float]:
    """Return the seconds of each step of the plainest loop that uses bfloat16."""
    model = GPT(recipe.model)
    model.initialise(torch.Generator().manual_seed(0))
    model.to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    batches = text(recipe, 2**18)
    micro = recipe.pretrain.micro_batch or recipe.pretrain.batch

    def step(number: int) -> None:
        batch = batches.batch(number)
        for inputs, targets in zip(
            batch.inputs.split(micro), batch.targets.split(micro), strict=True
        ):
            with torch.autocast(device.type, torch.bfloat16):
                logits = model(inputs.to(device))
            loss = functional.cross_entropy(logits.flatten(0, 1), targets.to(device).flatten())
            loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    for number in range(WARM_UP - 1):
        step(number)
    return [seconds(lambda number=number: step(number), device) for number in range(steps)]


def trainer_times(recipe: Recipe, device: torch.device, steps: int) -> list[float]:
    """Return the seconds of each step of our trainer, from the diary that it writes."""
    step_tokens = recipe.pretrain.batch * recipe.pretrain.sequence
    settings = dataclasses.replace(
        recipe.pretrain, tokens=(steps + WARM_UP) * step_tokens, minutes=0.0
    )
    model = GPT(recipe.model)
    model.initialise(torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as out:
        tokenizer = ChatTokenizer.train(["no text is read"], 300)
        context = RunContext(recipe, Path(out), tokenizer, device)
        Trainer(context, "pretrain", model, settings, text(recipe, 2**18), next_token).run()
        rows = [json.loads(row) for row in (Path(out) / "metrics.jsonl").open(encoding="utf-8")]
    times = [after["seconds"] - before["seconds"] for before, after in itertools.pairwise(rows)]
    return times[-steps:]


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=Path("data/recipes/cpu-small.toml"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, help="sequence length [default: the recipe's]")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    recipe = load_recipe(options.recipe)
    if options.context:
        shorter = dataclasses.replace(recipe.pretrain, sequence=options.context)
        recipe = dataclasses.replace(recipe, stages={**recipe.stages, "pretrain": shorter})
    tokens = recipe.pretrain.batch * recipe.pretrain.sequence
    flops = 3 * recipe.model.flops_per_token(recipe.pretrain.sequence)
    steps = max(3, options.steps)
    peak = matmul_peak(device)
    naive = naive_times(recipe, device, max(3, steps // 2))
    keep_freed_memory()  # as `chatapp train` does; not for the peer
    ours = trainer_times(recipe, device, steps)
    peak = max(peak, matmul_peak(device))
    rates = {
        name: tokens / statistics.median(times)
        for name, times in (("naive", naive), ("ours", ours))
    }
    metrics = {"matmul_peak_tflops": peak / 1e12, "ratio_naive": rates["ours"] / rates["naive"]}
    for name, rate in rates.items():
        metrics[f"{name}_tokens_per_second"] = rate
        metrics[f"{name}_share_of_peak"] = rate * flops / peak
        print(f"{name:<6} {rate:>9,.0f} tokens/s  {rate * flops / peak:.1%}", file=sys.stderr)
    relative = statistics.stdev(ours) / statistics.mean(ours) / len(ours) ** 0.5
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    line = {
        "metrics": {key: round(value, 4) for key, value in metrics.items()},
        "n": len(ours),
        "stderr": {"ours_tokens_per_second": round(rates["ours"] * relative, 1)},
        "config": {
            "recipe": options.recipe.stem,
            "parameters": recipe.model.parameter_count(),
            "tokens_per_step": tokens,
            "compile": recipe.compile,
            "flops_per_token": flops,
        },
        "machine": f"{name}, {options.threads} threads, torch {torch.__version__}",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
