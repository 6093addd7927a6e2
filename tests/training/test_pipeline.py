"""A run goes from raw records to a chat model, and an interrupted one ends up the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp.inference.load import load_generator
from chatapp.training.optim import lr_multiplier
from chatapp.training.readers import MissingFile
from chatapp.training.recipe import RecipeError, load_recipe
from tests.training.runs import losses, run


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


def test_data_of_a_later_stage_is_missed_before_the_first_begins(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """Nobody pretrains for an hour to learn that a file of fine-tuning is not there."""
    before, _, after = recipe_file.read_text().partition("[finetune]")
    recipe_file.write_text(before + "[finetune]" + after.replace('path = "', 'path = "gone/', 1))
    with pytest.raises(MissingFile, match="gone"):
        run(recipe_file, records, tmp_path / "run")
    assert not (tmp_path / "run" / "tokenizer.json").exists()
    assert not (tmp_path / "run" / "pretrain").exists()


def test_training_learns(recipe_file: Path, records: Path, tmp_path: Path) -> None:
    longer = recipe_file.read_text().replace("tokens = 1_536", "tokens = 12_800")
    recipe_file.write_text(longer)
    run(recipe_file, records, tmp_path / "run")
    pretraining = [loss for stage, _, loss in losses(tmp_path / "run") if stage == "pretrain"]
    assert pretraining[-1] < pretraining[0] / 2


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
