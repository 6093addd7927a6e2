"""A law fitted to small models predicts larger ones, with an interval that tells the truth."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from chatapp.training.ladder import rung_of
from chatapp.training.pipeline import Run
from chatapp.training.recipe import RecipeError, load_recipe
from chatapp.training.scaling import Law, Point, effective_tokens, fit, predict

TRUE = Law(floor=1.2, scale=0.8, exponent=0.155, reference=1e13)
COMPUTE = [1e12, 1e12, 1e12, 4e12, 1.2e13, 3e13]


def ladder(noise: float, seed: int) -> list[Point]:
    random = np.random.default_rng(seed)
    return [Point(c, TRUE(c) + random.normal(0, noise)) for c in COMPUTE]


def predicted(points: list[Point], compute: float, **changes: float):
    settings = {"noise": 0.0, "tokens": 1e6, "unique": 1e6} | changes
    return predict(points, compute, **settings)


def test_a_law_without_noise_is_found_again() -> None:
    law = fit(ladder(0, 0))
    assert law.exponent == pytest.approx(TRUE.exponent)
    assert law(1e14) == pytest.approx(TRUE(1e14), rel=1e-9)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 120 ladders with noise, the 90 % interval of a size 3 times larger holds what is measured
    there in 90 %, give or take three standard errors."""
    inside = 0
    for seed in range(120):
        found = predicted(ladder(0.004, seed), 1e14, noise=0.004)
        measured = TRUE(1e14) + np.random.default_rng(10_000 + seed).normal(0, 0.004)
        inside += found.low <= measured <= found.high
        assert found.low <= found.loss <= found.high
    assert inside / 120 == pytest.approx(0.9, abs=3 * (0.9 * 0.1 / 120) ** 0.5)


def test_a_flat_or_rising_ladder_makes_no_negative_law() -> None:
    law = fit([Point(c, 2.0 + 0.01 * i) for i, c in enumerate([1e12, 1e13, 1e14, 1e15])])
    assert law.scale == 0
    assert law(1e18) == pytest.approx(2.015)


def test_too_few_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least three sizes"):
        fit([Point(1e12, 2.0), Point(1e12, 2.1), Point(1e13, 1.9)])


def test_reading_data_again_is_worth_less_each_time() -> None:
    """The published figures: 4 readings are worth about as much as fresh data, 40 far less."""
    assert effective_tokens(50, 100) == 50
    assert effective_tokens(100, 100) == 100
    assert effective_tokens(400, 100) / 400 == pytest.approx(0.93, abs=0.01)
    assert effective_tokens(4000, 100) / 4000 == pytest.approx(0.38, abs=0.02)
    assert effective_tokens(1e9, 100) == pytest.approx(1640)


def test_repeated_data_raise_the_prediction() -> None:
    points = ladder(0, 0)
    once = predicted(points, 1e14, tokens=1e8, unique=1e8)
    often = predicted(points, 1e14, tokens=1e8, unique=1e7)
    assert once.loss < often.loss < once.loss + 0.1


def test_rungs_follow_from_the_recipe(recipe_file: Path) -> None:
    """Tokens per weight stay; a smaller batch has lower rates, a narrower table higher ones."""
    recipe = load_recipe(
        recipe_file, overrides=["model.d_model=128", "model.n_heads=4", "pretrain.batch=16"]
    )
    model, settings = rung_of(recipe.model, recipe.pretrain, 32)
    weights = [m.parameter_count() - m.vocab_size * m.d_model for m in (recipe.model, model)]
    assert settings.tokens / weights[1] == pytest.approx(
        recipe.pretrain.tokens / weights[0], rel=0.01
    )
    assert (model.n_heads, model.head_dim, model.n_layers) == (1, 32, 2)
    assert settings.batch == round(16 * (weights[1] / weights[0]) ** 0.77)
    shrunk = (settings.batch / 16) ** 0.5
    assert settings.matrix_lr == pytest.approx(recipe.pretrain.matrix_lr * shrunk)
    assert settings.head_lr == pytest.approx(recipe.pretrain.head_lr * shrunk * 2)
    cut = dataclasses.replace(recipe.pretrain, batch=64, micro_batch=4)
    model, settings = rung_of(recipe.model, cut, 96)
    assert (settings.batch % 4, settings.micro_batch) == (0, 4)
    with pytest.raises(RecipeError, match="multiple of the width of a head"):
        rung_of(recipe.model, recipe.pretrain, 48)
    with pytest.raises(RecipeError, match=r"less than model\.d_model"):
        rung_of(recipe.model, recipe.pretrain, 128)


def test_a_run_predicts_before_it_trains_and_judges_itself_afterwards(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """The prediction stands in a file while pretraining has not begun; rungs are not run twice."""
    torch.set_num_threads(1)
    out = tmp_path / "run"
    text = recipe_file.read_text().replace(
        "[pretrain]", "[ladder]\nwidths = [8, 16, 24]\n[pretrain]"
    )
    recipe_file.write_text(text[: text.index("[finetune]")])
    recipe = load_recipe(
        recipe_file, records, ["model.n_heads=4", "model.n_kv_heads=4", "pretrain.tokens=8000"]
    )
    assert Run(recipe, out).execute("ladder") == out
    written = (out / "ladder" / "prediction.json").read_text()
    prediction = json.loads(written)
    assert not (out / "pretrain").exists()
    assert prediction["low"] <= prediction["predicted"] <= prediction["high"]
    assert [rung["width"] for rung in prediction["rungs"]] == [8, 8, 8, 16, 24]
    assert len({rung["bits_per_byte"] for rung in prediction["rungs"]}) == 5
    Run(recipe, out).execute()
    assert (out / "ladder" / "prediction.json").read_text() == written
    outcome = json.loads((out / "ladder" / "outcome.json").read_text())
    measured = json.loads((out / "bits_per_byte.json").read_text())["model"]
    assert outcome["measured"] == measured
    assert outcome["relative_error"] == pytest.approx(prediction["predicted"] / measured - 1)


def test_a_ladder_needs_a_budget_of_tokens(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, overrides=["pretrain.tokens=0", "pretrain.minutes=1"])
    with pytest.raises(RecipeError, match="must be tokens, not minutes"):
        rung_of(recipe.model, recipe.pretrain, 16)
