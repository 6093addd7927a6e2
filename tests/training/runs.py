"""What tests of whole runs share: reading a run's losses, and running one in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from chatapp.training.pipeline import Run
from chatapp.training.recipe import load_recipe

ROOT = Path(__file__).parents[2]


def losses(out: Path) -> list[tuple[str, int, float]]:
    """Return (stage, step, loss) of every step of a run, in the order of its diary."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [(row["stage"], row["step"], row["loss"]) for row in rows if "loss" in row]


def run(recipe_file: Path, records: Path, out: Path, *overrides: str) -> Path:
    """Run every stage here, on one thread; return the model's directory."""
    torch.set_num_threads(1)
    return Run(load_recipe(recipe_file, records, overrides), out).execute()


def start(*arguments: str | Path, processes: int = 1) -> subprocess.Popen[str]:
    """Start `chatapp` with these arguments; under torchrun for several processes."""
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    command = [*(launcher if processes > 1 else []), "chatapp", *map(str, arguments)]
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def lines(out: Path) -> int:
    """Return how many lines the diary has."""
    diary = out / "metrics.jsonl"
    return diary.read_bytes().count(b"\n") if diary.exists() else 0


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return when `condition` holds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)
