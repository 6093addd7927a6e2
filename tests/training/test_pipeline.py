"""A run goes from raw records to a chat model, and an interrupted one ends up the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from chatapp.inference.load import load_generator
from chatapp.model.checkpoint import load_model
from chatapp.training.durable import Stopped
from chatapp.training.objectives import Batch
from chatapp.training.optim import lr_multiplier
from chatapp.training.pipeline import Run
from chatapp.training.recipe import RecipeError, load_recipe
from chatapp.training.shards import PackedBatches

ROOT = Path(__file__).parents[2]


def losses(out: Path) -> list[tuple[str, int, float]]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [(row["stage"], row["step"], row["loss"]) for row in rows if "loss" in row]


def run(recipe_file: Path, records: Path, out: Path) -> Path:
    torch.set_num_threads(1)
    return Run(load_recipe(recipe_file, records), out).execute()


def test_a_run_ends_in_a_model_that_loads_and_speaks(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    model = run(recipe_file, records, tmp_path / "run")
    assert load_generator(model, threads=1).context_length == 64
    measured = json.loads((tmp_path / "run" / "bits_per_byte.json").read_text())
    assert 0 < measured["model"] < 8
    assert 0 < measured["5-gram"] < 8
    stages = {stage for stage, _, _ in losses(tmp_path / "run")}
    assert stages == {"pretrain", "finetune"}


def test_training_learns(recipe_file: Path, records: Path, tmp_path: Path) -> None:
    longer = recipe_file.read_text().replace("tokens = 1_536", "tokens = 12_800")
    recipe_file.write_text(longer)
    run(recipe_file, records, tmp_path / "run")
    pretraining = [loss for stage, _, loss in losses(tmp_path / "run") if stage == "pretrain"]
    assert pretraining[-1] < pretraining[0] / 2


def test_a_run_stopped_by_ctrl_c_continues_bit_for_bit(
    recipe_file: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(recipe_file, records, tmp_path / "whole")
    original = PackedBatches.batch

    def interrupted(self: PackedBatches, step: int) -> Batch:
        if step == 3 and (tmp_path / "parts" / "finetune").exists():
            signal.raise_signal(signal.SIGINT)
        return original(self, step)

    monkeypatch.setattr(PackedBatches, "batch", interrupted)
    with pytest.raises(Stopped):
        run(recipe_file, records, tmp_path / "parts")
    monkeypatch.undo()
    parts = run(recipe_file, records, tmp_path / "parts")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    for a, b in zip(
        load_model(whole)[0].parameters(), load_model(parts)[0].parameters(), strict=True
    ):
        assert torch.equal(a, b)


def test_a_stage_is_not_continued_with_other_settings(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    run(recipe_file, records, tmp_path / "run")
    recipe_file.write_text(recipe_file.read_text().replace("seed = 3", "seed = 4"))
    with pytest.raises(RecipeError, match="begun with other settings"):
        run(recipe_file, records, tmp_path / "run")


def test_the_rate_warms_up_holds_and_falls(recipe_file: Path) -> None:
    stage = load_recipe(recipe_file).pretrain
    assert lr_multiplier(stage.warmup / 2, stage) == pytest.approx(0.5)
    assert lr_multiplier(0.3, stage) == 1.0
    assert lr_multiplier(0.75, stage) == pytest.approx((1 + stage.final_lr) / 2)
    assert lr_multiplier(1.0, stage) == pytest.approx(stage.final_lr)


def chatapp(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "chatapp", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def test_the_command_trains_stops_on_ctrl_c_and_resumes(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """SIGINT ends with 130 and a hint; the same command needs --resume, and then finishes."""
    recipe_file.write_text(recipe_file.read_text().replace("tokens = 1_536", "tokens = 25_600"))
    out = tmp_path / "run"
    arguments = ("train", recipe_file, "--data", records, "--out", out, "--threads", "1")
    process = chatapp(*arguments)
    deadline = time.monotonic() + 60
    while not (out / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in errors
    _, errors = (again := chatapp(*arguments)).communicate(timeout=60)
    assert again.returncode == 2
    assert "already holds a run" in errors
    output, errors = (resumed := chatapp(*arguments, "--resume")).communicate(timeout=100)
    assert resumed.returncode == 0, errors
    assert "continuing at step" in errors
    assert output.strip() == str(out / "model")
