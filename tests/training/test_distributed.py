"""Two processes train what one process trains, with whole copies and with shards."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from chatapp.model.gpt import GPT
from chatapp.training.distributed import World
from chatapp.training.loop import Trainer
from chatapp.training.muon import orthogonalise
from chatapp.training.objectives import next_token
from chatapp.training.prepare import tokenizer_of
from chatapp.training.recipe import RecipeError, load_recipe
from chatapp.training.shards import PackedBatches, Shard
from chatapp.training.stages import RunContext
from tests.training.runs import lines, losses, run, start, wait_until

# In nats, on a loss that falls from 5.7. Sums are taken in another order, and Muon's bfloat16
# iteration enlarges the difference with every step: at most 1.1e-4 was seen at these rates.
TOLERANCE = 5e-4
SETTINGS = (
    "precision=float32",
    "pretrain.micro_batch=1",
    "pretrain.matrix_lr=0.004",
    "finetune.matrix_lr=0.004",
)
OPTIONS = ("--threads", "1", *(word for value in SETTINGS for word in ("--set", value)))


def agrees(found: list[tuple[str, int, float]], expected: list[tuple[str, int, float]]) -> None:
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    worst = max(abs(a[2] - b[2]) for a, b in zip(found, expected, strict=True))
    assert worst < TOLERANCE


def test_two_processes_with_copies_equal_one(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """DDP under torchrun, micro-batches included: the same losses, one diary, one voice."""
    run(recipe_file, records, tmp_path / "one", *SETTINGS)
    arguments = ("train", recipe_file, "--data", records, "--out", tmp_path / "two", *OPTIONS)
    output, errors = (started := start(*arguments, processes=2)).communicate(timeout=100)
    assert started.returncode == 0, errors
    assert output.split() == [str(tmp_path / "two" / "model")]
    assert errors.count("training the tokenizer") == 1
    agrees(losses(tmp_path / "two"), losses(tmp_path / "one"))


def test_a_sharded_run_is_stopped_and_goes_on_in_one_process(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """FSDP2 on two ranks, SIGTERM, then one process: a checkpoint knows no number of ranks."""
    recipe_file.write_text(recipe_file.read_text().replace("tokens = 1_536", "tokens = 4_096"))
    run(recipe_file, records, tmp_path / "one", *SETTINGS)
    out = tmp_path / "parts"
    arguments = ("train", recipe_file, "--data", records, "--out", out, *OPTIONS)
    started = start(*arguments, "--parallel", "fsdp", processes=2)
    wait_until(lambda: lines(out) >= 4)
    started.send_signal(signal.SIGTERM)
    started.communicate(timeout=100)
    before = len(losses(out))
    assert 4 <= before < 32
    assert (out / "pretrain" / "state.pt").is_file()
    run(recipe_file, records, out, *SETTINGS)
    agrees(losses(out), losses(tmp_path / "one"))


def test_a_batch_that_cannot_be_shared_is_refused(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """Four rows on three processes: the message names both numbers."""
    recipe = load_recipe(recipe_file, records)
    context = RunContext(recipe, tmp_path, tokenizer_of(recipe, tmp_path), world=World(0, 3))
    text = Shard(np.zeros(99, np.uint16), np.array([0, 99]), None, 99)
    batches = PackedBatches(text, sequence=32, batch=4, seed=0)
    with pytest.raises(RecipeError, match="4 rows cannot be shared by 3 processes"):
        Trainer(context, "pretrain", GPT(recipe.model), recipe.pretrain, batches, next_token)


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
def test_orthogonalising_brings_all_singular_values_near_one(shape: tuple[int, int]) -> None:
    """What Muon promises: the direction keeps its singular vectors and loses their lengths."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix).float())
    assert values.min() > 0.3
    assert values.max() < 1.4
