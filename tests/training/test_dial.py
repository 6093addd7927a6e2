"""One number sets a whole recipe: shape, tokens, batch and rates follow by rules that are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatapp.training.recipe import RecipeError, load_recipe

DIALLED = """
[data]
root = "."
[pretrain]
sources = [{ path = "text.jsonl" }]
"""


@pytest.fixture
def dialled(tmp_path: Path) -> Path:
    path = tmp_path / "dialled.toml"
    path.write_text("depth = 12\n" + DIALLED)
    return path


def test_the_dial_fills_in_all_that_a_recipe_leaves_out(dialled: Path) -> None:
    """At depth 12 the rules give what they were fitted on: 12 x 768, about 1B tokens."""
    recipe = load_recipe(dialled)
    assert (recipe.model.n_layers, recipe.model.d_model, recipe.model.n_heads) == (12, 768, 6)
    assert recipe.model.attention == ("dense", "sparse(128, 16)")
    assert recipe.pretrain.tokens == pytest.approx(1.07e9, rel=0.01)
    assert recipe.pretrain.batch * recipe.pretrain.sequence == 2**18
    assert recipe.pretrain.matrix_lr == pytest.approx(0.02 * 0.5**0.5, rel=0.02)
    assert recipe.pretrain.head_lr == pytest.approx(0.008 * 0.5**0.5, rel=0.02)


def test_larger_dials_are_larger_in_everything(dialled: Path) -> None:
    sizes = [load_recipe(dialled, overrides=[f"depth={depth}"]) for depth in (2, 4, 8, 16, 24)]
    for grows in (
        [recipe.model.parameter_count() for recipe in sizes],
        [recipe.pretrain.tokens for recipe in sizes],
        [recipe.pretrain.batch * recipe.pretrain.sequence for recipe in sizes],
        [-recipe.pretrain.weight_decay for recipe in sizes],
    ):
        assert grows == sorted(grows)
        assert grows[0] < grows[2] < grows[4]


def test_what_the_recipe_says_holds_and_later_rules_start_from_it(dialled: Path) -> None:
    """A quarter of the batch means half of the rates; the notes say what was given."""
    plain = load_recipe(dialled)
    smaller = load_recipe(dialled, overrides=[f"pretrain.batch={plain.pretrain.batch // 4}"])
    assert smaller.pretrain.head_lr == pytest.approx(plain.pretrain.head_lr / 2, rel=0.05)
    assert smaller.pretrain.matrix_lr == 0.01  # Muon's falls no further
    assert any("batch 32 given" in note for note in smaller.derived)
    assert [note[0] for note in plain.derived] == ["1", "2", "3", "4", "5", "5", "6", "7"]
    assert load_recipe(dialled, overrides=["model.d_ff=128"]).model.d_ff == 128


def test_a_size_is_the_depth_that_comes_nearest(dialled: Path) -> None:
    dialled.write_text('size = "110M"\n' + DIALLED)
    assert load_recipe(dialled).model.n_layers == 12
    assert load_recipe(dialled, overrides=['size="1.0B"']).model.n_layers == 26


def test_a_budget_in_minutes_takes_the_place_of_the_tokens(dialled: Path) -> None:
    recipe = load_recipe(dialled, overrides=["pretrain.minutes=5"])
    assert (recipe.pretrain.minutes, recipe.pretrain.tokens) == (5.0, 0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("depth=0", "depth must be a whole number from 1 to 96, not 0"),
        ("depth=2.5", "depth must be a whole number"),
        ("size=10M", "give depth or size, not both"),
    ],
)
def test_an_impossible_dial_is_refused(dialled: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(dialled, overrides=[override])
    dialled.write_text('size = "big"\n' + DIALLED)
    with pytest.raises(RecipeError, match='size must be written like "30M"'):
        load_recipe(dialled)
