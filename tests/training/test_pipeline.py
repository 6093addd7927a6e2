"""A run goes from raw records to a chat model, and an interrupted one ends up the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from chatapp.inference.load import load_generator
from chatapp.model.checkpoint import load_model
from chatapp.model.gpt import GPT
from chatapp.model.weights import WeightFiles
from chatapp.training.optim import Optimisers, lr_multiplier
from chatapp.training.pipeline import Run
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


def test_pretraining_goes_on_at_longer_sequences_where_a_run_has_ended(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """The second run begins with the weights and the tokenizer of the first; it may ship int8."""
    first = run(recipe_file, records, tmp_path / "run")
    start = tmp_path / "run" / "pretrain" / "model"
    text = (
        recipe_file.read_text()
        .replace("sequence = 32", "sequence = 96")
        .replace('weights_dtype = "float32"', 'weights_dtype = "int8"')
    )
    data, _, rest = text.partition("[tokenizer]")
    stages = rest[rest.index("[pretrain]") :]
    longer = tmp_path / "longer.toml"
    longer.write_text(f'{data}[start]\npath = "{start}"\n[model]\ncontext_length = 128\n{stages}')
    second = run(longer, records, tmp_path / "second", "pretrain.matrix_lr=0", "pretrain.norm_lr=0")
    model, tokenizer = load_model(tmp_path / "second" / "pretrain" / "model")
    ours, before = model.state_dict(), load_model(start)[0].state_dict()
    assert torch.equal(ours["blocks.0.mlp.up.weight"], before["blocks.0.mlp.up.weight"])
    assert not torch.equal(ours["head.weight"], before["head.weight"])
    assert tokenizer.fingerprint == load_model(first)[1].fingerprint
    assert WeightFiles(second).int8
    assert load_generator(second, threads=1).context_length == 128


def test_the_finished_model_is_that_of_the_stage_that_is_shipped(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """Tuning need not have made it better."""
    model = run(recipe_file, records, tmp_path / "run", "ship=pretrain")
    finished, pretrained, tuned = (
        load_model(place)[0].state_dict()["head.weight"]
        for place in (
            model,
            *(tmp_path / "run" / name / "model" for name in ("pretrain", "finetune")),
        )
    )
    assert torch.equal(finished, pretrained)
    assert not torch.equal(finished, tuned)
    with pytest.raises(RecipeError, match="ship names 'ppo', which is no stage"):
        load_recipe(recipe_file, records, ["ship=ppo"])


def test_the_model_to_start_from_keeps_its_shape(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    start = run(recipe_file, records, tmp_path / "run")
    text = recipe_file.read_text()
    data, stages = text.partition("[tokenizer]")[0], text[text.index("[pretrain]") :]
    again = tmp_path / "again.toml"
    again.write_text(f'{data}[start]\npath = "{start}"\n[model]\nd_model = 64\n{stages}')
    with pytest.raises(RecipeError, match="only context_length"):
        load_recipe(again, records)
    again.write_text(f'{data}[start]\npath = "{start}"\n{stages}')
    with pytest.raises(RecipeError, match="no model of the stage pretrain"):
        Run(load_recipe(again, records), tmp_path / "alone").execute("finetune")


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


def test_all_that_optimisers_remember_goes_back_to_where_the_weights_lie(
    recipe_file: Path,
) -> None:
    """Step counters too: fused AdamW refuses those of another device."""
    recipe = load_recipe(recipe_file)
    model = GPT(recipe.model)
    optimisers = Optimisers(model, recipe.pretrain)
    model(torch.zeros(1, 8, dtype=torch.int64)).sum().backward()
    optimisers.step(1.0)
    saved = optimisers.state_dict()
    assert any(value.ndim == 0 for state in saved.values() for value in state.values())
    with torch.device("meta"):
        elsewhere = GPT(recipe.model)
    resumed = Optimisers(elsewhere, recipe.pretrain)
    resumed.load_state_dict(saved)
    for optimiser in resumed.all:
        assert {
            value.device.type for state in optimiser.state.values() for value in state.values()
        } == {"meta"}


def test_the_rate_warms_up_holds_and_falls(recipe_file: Path) -> None:
    stage = load_recipe(recipe_file).pretrain
    assert lr_multiplier(stage.warmup / 2, stage) == pytest.approx(0.5)
    assert lr_multiplier(0.3, stage) == 1.0
    assert lr_multiplier(0.75, stage) == pytest.approx((1 + stage.final_lr) / 2)
    assert lr_multiplier(1.0, stage) == pytest.approx(stage.final_lr)
