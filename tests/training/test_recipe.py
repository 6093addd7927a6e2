"""A recipe's tables become checked settings; a fault is named with its key and its fix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from chatapp.training.compare.settings import CompareSettings
from chatapp.training.ppo.settings import PPOSettings
from chatapp.training.recipe import MissingFile, RecipeError, load_recipe
from chatapp.training.tables import build


@dataclass(frozen=True)
class Adapter:
    rank: int
    kind: Literal["lora", "prompt"] = "lora"


@dataclass(frozen=True)
class Settings:
    rate: float
    steps: int = 1
    name: str = ""
    fast: bool = False
    parts: tuple[float, ...] = ()
    adapter: Adapter | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")


def test_a_table_fills_a_dataclass_with_nested_tables_and_lists() -> None:
    """Whole floats serve as integers and integers as floats; lists become tuples."""
    table = {"rate": 1, "steps": 1e3, "parts": [1, 2.5], "adapter": {"rank": 4, "kind": "prompt"}}
    assert build(Settings, table, "x") == Settings(
        rate=1.0, steps=1000, parts=(1.0, 2.5), adapter=Adapter(4, "prompt")
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"\[x\]: the key 'rate' is missing; add rate = "),
        ({"rate": 1, "stepz": 2}, r"\[x\]: unknown key 'stepz'; did you mean 'steps'\?"),
        ({"rate": 1, "zzz": 2}, r"unknown key 'zzz'; known: adapter, fast, name"),
        ({"rate": "1"}, r"\[x\]: rate must be a number, not '1'"),
        ({"rate": True}, r"rate must be a number, not True"),
        ({"rate": 1, "steps": 1.5}, r"steps must be a whole number, not 1\.5"),
        ({"rate": 1, "steps": True}, r"steps must be a whole number"),
        ({"rate": 1, "steps": 0}, r"\[x\]: steps must be at least 1"),
        ({"rate": 1, "name": 3}, r"name must be text in quotes"),
        ({"rate": 1, "fast": 1}, r"fast must be true or false"),
        ({"rate": 1, "parts": 3}, r"parts must be a list"),
        ({"rate": 1, "adapter": 3}, r"adapter must be a table"),
        ({"rate": 1, "adapter": {"rank": 1, "kind": "full"}}, r"one of 'lora', 'prompt'"),
        ({"rate": 1, "adapter": {"rang": 1}}, r"\[x\.adapter\]: unknown key 'rang'"),
    ],
)
def test_a_fault_in_a_table_is_named_with_its_fix(table: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build(Settings, table, "x")


def test_an_override_replaces_what_the_file_says(recipe_file: Path) -> None:
    """Values are TOML, a bare word is text, and a table that is absent is made."""
    recipe = load_recipe(
        recipe_file,
        overrides=["pretrain.tokens=2_048", "model.attention=['dense']", "data.root=elsewhere"],
    )
    assert recipe.pretrain.tokens == 2048
    assert recipe.model.attention == ("dense",)
    assert recipe.root == Path("elsewhere")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pretrain.tokens", "write table.key=value"),
        ("=3", "write table.key=value"),
        ("seed.deep=3", "seed is no table"),
        ("pretrain.tokenz=3", "did you mean 'tokens'"),
    ],
)
def test_a_faulty_override_says_how_to_write_one(
    recipe_file: Path, override: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe_file, overrides=[override])


def test_a_stage_that_the_recipe_leaves_out_is_not_there(recipe_file: Path) -> None:
    """All stages but pretraining are optional; asking for one that is absent says so."""
    text = recipe_file.read_text()
    recipe_file.write_text(text[: text.index("[finetune]")])
    recipe = load_recipe(recipe_file)
    assert list(recipe.stages) == ["pretrain"]
    with pytest.raises(RecipeError, match=r"lacks the table \[finetune\]"):
        _ = recipe.finetune
    recipe_file.write_text(text.replace("[pretrain]", "[posttrain]"))
    with pytest.raises(RecipeError, match="unknown key 'posttrain'; did you mean 'pretrain'"):
        load_recipe(recipe_file)


def test_a_recipe_that_is_not_there_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no recipe at .*none\.toml"):
        load_recipe(tmp_path / "none.toml")


def test_a_directory_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is a directory; name a recipe"):
        load_recipe(tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=-1", "seed must be at least 0"),
        ("weights_dtype=int4", "must be one of 'bfloat16', 'float16', 'float32', 'int8'"),
        ("data.validation_permille=1000", "validation_permille must be"),
        ("tokenizer.vocab_size=3", "vocab_size must be at least 263"),
        ("pretrain.micro_batch=-1", "multiple of micro_batch, or micro_batch be 0"),
        ("pretrain.matrix_lr=-1", "matrix_lr must be a finite number"),
        ("pretrain.matrix_lr=nan", "matrix_lr must be a finite number"),
        ("pretrain.warmup=7", "warmup is a fraction"),
    ],
)
def test_an_impossible_value_is_refused_before_anything_runs(
    recipe_file: Path, override: str, message: str
) -> None:
    """Signs, fractions and types that would only fail, or quietly unlearn, hours later."""
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe_file, overrides=[override])


@pytest.mark.parametrize(
    ("table", "values", "message"),
    [
        (PPOSettings, {"clip": -1}, "clip, value_clip and reward_clip are above 0"),
        (PPOSettings, {"kl": -1}, "policy_lr, value_lr, kl and ptx are at least 0"),
        (PPOSettings, {"evaluate_every": 0}, "evaluate_every, .* are at least 1"),
        (CompareSettings, {"limit": -1}, "limit, .* are at least 1"),
        (CompareSettings, {"text_sequence": 0}, "text_sequence are at least 1"),
    ],
)
def test_an_impossible_value_of_a_late_stage_is_refused_as_early(
    table: type[object], values: dict[str, object], message: str
) -> None:
    given = {"prompts": [{"path": "asked.jsonl"}], **values}
    if table is PPOSettings:
        given |= {"updates": 1, "ptx_sources": [{"path": "text.jsonl"}]}
    with pytest.raises(RecipeError, match=message):
        build(table, given, "stage")


def test_the_smallest_vocabulary_holds_bytes_and_special_tokens() -> None:
    """The constant agrees with the tokenizer that it speaks of."""
    from chatapp.model.tokenizer import SPECIAL_TOKENS
    from chatapp.training.recipe import SMALLEST_VOCABULARY

    assert 256 + len(SPECIAL_TOKENS) == SMALLEST_VOCABULARY
