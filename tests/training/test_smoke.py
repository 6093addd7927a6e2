"""The shipped smoke recipe, as a person runs it: every stage from raw text, in a real process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp.inference.load import load_generator
from chatapp.training.recipe import load_recipe
from tests.training.runs import ROOT, start

RECIPE = ROOT / "data" / "recipes" / "smoke.toml"


@pytest.mark.timeout(600)
def test_the_smoke_recipe_runs_every_stage_and_its_report_card_is_written(tmp_path: Path) -> None:
    """From the samples that ship with the project to a chat model that loads, with a report."""
    out = tmp_path / "run"
    output, errors = (process := start("train", RECIPE, "--out", out)).communicate(timeout=540)
    assert process.returncode == 0, errors
    assert output.strip() == str(out / "model")
    stages = list(load_recipe(RECIPE).stages)
    assert {"pretrain", "finetune", "reward", "ppo", "dpo"} <= set(stages)
    assert all((out / stage / "done.json").is_file() for stage in stages)
    assert load_generator(out / "model", threads=1).context_length == 512
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    first, *_, last = (row["loss"] for row in rows if row["stage"] == "pretrain" and "loss" in row)
    assert last < first / 1.5
    _, errors = (report := start("report", out)).communicate(timeout=100)
    assert report.returncode == 0, errors
    assert list(out.rglob("*.html"))
