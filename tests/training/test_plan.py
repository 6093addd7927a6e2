"""A plan says what training will cost and reach, from the recipe alone, and touches nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from chatapp import resources
from chatapp.cli.main import cli, main
from chatapp.cli.train_plan import print_plan
from chatapp.model.gpt import GPT
from chatapp.training import plan
from chatapp.training.footprint import memory
from chatapp.training.optim import Optimisers
from chatapp.training.plan import make_plan
from chatapp.training.presets import PRESETS
from chatapp.training.recipe import Recipe, load_recipe
from chatapp.training.scaling import Point, fit


@pytest.fixture
def recipe(recipe_file: Path, records: Path) -> Recipe:
    return load_recipe(recipe_file, records)


def planned(recipe: Recipe, out: Path, gpus: int = 1, kind: str = "h100"):
    return make_plan(recipe, out, gpus, kind, probe_seconds=0.01)


def test_a_plan_touches_nothing(
    recipe_file: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file appears, vanishes or changes, neither below --out nor where the command is typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "matmul_rate", lambda *_: 1e11)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    arguments = ["train", str(recipe_file), "--data", str(records), "--plan"]
    done = CliRunner().invoke(cli, [*arguments, "--gpus", "8"], catch_exceptions=False)
    assert done.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    for words in ("parameters", "FLOPs", "on 8 x h100", "on this machine", "predicted", "disk"):
        assert words in done.output


def test_the_json_plan_holds_what_the_lines_say(
    recipe_file: Path, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "matmul_rate", lambda *_: 1e11)
    arguments = ["train", str(recipe_file), "--data", str(records), "--plan", "--output", "json"]
    told = json.loads(CliRunner().invoke(cli, arguments, catch_exceptions=False).output)
    assert told["pretrain"]["tokens"] == 1536
    assert told["pretrain"]["steps"] == 12
    assert told["time"]["this_machine"]["seconds"] == pytest.approx(
        told["time"]["flops"] / (1e11 * told["time"]["this_machine"]["utilisation"])
    )


def test_weights_and_optimiser_states_are_what_training_really_holds(recipe: Recipe) -> None:
    """The bytes of a plan equal those of a model and its optimisers after one step."""
    model = GPT(recipe.model)
    model.initialise(torch.Generator().manual_seed(0))
    optimisers = Optimisers(model, recipe.pretrain)
    model(torch.zeros(1, 8, dtype=torch.int64)).sum().backward()
    gradients = sum(weight.grad.nbytes for weight in model.parameters())
    optimisers.step(1.0)
    states = sum(
        value.nbytes
        for state in optimisers.state_dict().values()
        for value in state.values()
        if value.ndim
    )
    parts = memory(recipe.model, recipe.pretrain, 1, "one")
    assert parts["weights"] == sum(weight.nbytes for weight in model.parameters())
    assert parts["gradients"] == gradients
    assert parts["optimiser"] == states


def test_shards_divide_what_copies_repeat(recipe: Recipe) -> None:
    one, ddp, fsdp = (
        memory(recipe.model, recipe.pretrain, count, strategy)
        for count, strategy in ((1, "one"), (4, "ddp"), (4, "fsdp"))
    )
    assert ddp["weights"] == one["weights"] == 4 * fsdp["weights"]
    assert one["optimiser"] == 4 * fsdp["optimiser"]
    assert ddp["gradients"] == 2 * one["gradients"]
    assert ddp["activations"] == fsdp["activations"] == one["activations"] // 4


@pytest.mark.parametrize(
    ("preset", "gpus", "kind", "advice"),
    [
        ("gpt2-124m", 1, "h100", "one"),
        ("gpt2-1558m", 8, "h100", "ddp"),
        ("gpt3-13b", 8, "h100", "fsdp"),
        ("gpt3-175b", 8, "h100", "none"),
        ("gpt3-175b", 1024, "h200", "fsdp"),
    ],
)
def test_large_models_are_laid_over_gpus_as_they_fit(
    recipe: Recipe, tmp_path: Path, preset: str, gpus: int, kind: str, advice: str
) -> None:
    """One device while it holds all, copies while they fit, shards beyond, and an honest no."""
    config = PRESETS[preset].config
    settings = {"sequence": config.context_length, "batch": gpus, "micro_batch": 1}
    large = dataclasses.replace(
        recipe,
        model=config,
        stages={"pretrain": dataclasses.replace(recipe.pretrain, **settings)},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "matmul_rate", lambda *_: 1e11)
        sharding = planned(large, tmp_path, gpus, kind)["sharding"]
    assert sharding["advice"] == advice
    if advice == "none":
        assert sharding["least_gpus"] is None  # one sequence's activations fill a whole device


def test_what_is_missing_is_named_and_minutes_become_tokens(
    recipe_file: Path, tmp_path: Path
) -> None:
    recipe = load_recipe(recipe_file, tmp_path, ["pretrain.tokens=0", "pretrain.minutes=2"])
    told = planned(recipe, tmp_path)
    assert told["missing"] == ["text.jsonl", "chat.jsonl"]
    assert told["pretrain"]["tokens"] > 0
    assert told["stages"]["pretrain"]["seconds"] == pytest.approx(120, rel=0.01)


def test_the_predicted_loss_is_the_ladders_own_or_says_why_there_is_none(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's own ladder counts before the shipped one; far beyond that nothing is claimed."""
    flops = planned(recipe, tmp_path)["pretrain"]["flops"]
    own = {
        "metric": "bits_per_byte", "compute": flops, "predicted": 2.5, "low": 2.4, "high": 2.6,
        "level": 0.9, "rungs": [{}, {}, {}],
    }  # fmt: skip
    (tmp_path / "ladder").mkdir()
    (tmp_path / "ladder" / "prediction.json").write_text(json.dumps(own))
    found = planned(recipe, tmp_path)["loss"]
    assert (found["predicted"], found["how"]) == (2.5, "this run's ladder of 3 small models")
    shipped = {
        "metric": "bits_per_byte", "noise_of_seeds": 0.01, "tokens_per_weight": 3.0,
        "rungs": [{"compute": flops * x, "bits_per_byte": 2.5 * x**-0.05} for x in (0.1, 0.3, 1)],
    }  # fmt: skip
    (tmp_path / plan.SHIPPED_LADDER).write_text(json.dumps(shipped))
    monkeypatch.setattr(plan.resources, "recipes_dir", lambda: tmp_path)
    found = planned(recipe, tmp_path / "elsewhere")["loss"]
    assert found["low"] < found["predicted"] < found["high"]
    assert found["predicted"] == pytest.approx(2.5, rel=0.03)
    far = dataclasses.replace(
        recipe, stages={"pretrain": dataclasses.replace(recipe.pretrain, tokens=1_536_000)}
    )
    found = planned(far, tmp_path / "elsewhere")["loss"]
    assert found["predicted"] is None
    assert "1,000 times the compute" in found["how"]


def test_the_shipped_ladder_predicts_its_own_recipe() -> None:
    """The law that `--plan` extrapolates gives back the largest model it was fitted to."""
    ladder = json.loads((resources.recipes_dir() / plan.SHIPPED_LADDER).read_text())
    largest = max(ladder["rungs"], key=lambda rung: rung["compute"])
    law = fit([Point(rung["compute"], rung["bits_per_byte"]) for rung in ladder["rungs"]])
    assert law(largest["compute"]) == pytest.approx(largest["bits_per_byte"], rel=0.01)


def test_a_recipe_that_starts_from_a_model_has_a_plan_too(tmp_path: Path) -> None:
    """Its stages and files are listed; nothing is said of a pretraining that is not in it."""
    recipe = load_recipe(resources.recipes_dir() / "cpu-align.toml", tmp_path)
    told = planned(recipe, tmp_path)
    assert told["pretrain"] is None
    assert told["loss"]["how"] == "the recipe has no pretraining"
    assert "reward" in told["stages"]
    assert told["missing"]
    print_plan(told)


def test_an_unknown_gpu_is_refused(recipe_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(recipe_file), "--plan", "--gpu", "h1000"]) == 2
    assert "give --gpu one of h100, h200" in capsys.readouterr().err
