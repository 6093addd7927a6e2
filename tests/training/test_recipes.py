"""The recipes for a GPU are proven at a size that a test can run: only numbers are shrunk."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
import torch

from chatapp import resources
from chatapp.model.checkpoint import load_model
from chatapp.training.pipeline import Run
from chatapp.training.recipe import RecipeError, load_recipe

TINY = [
    "compile=false",
    "model.n_layers=2",
    "model.d_model=32",
    "model.n_heads=2",
    "model.n_kv_heads=2",
    "model.d_ff=64",
    "model.context_length=128",
    "tokenizer.vocab_size=320",
    "data.validation_permille=200",
    "pretrain.sequence=32",
    "pretrain.batch=4",
    "pretrain.micro_batch=2",
    'pretrain.sources=[{path="text.jsonl"}]',
]
AFTER = [
    "finetune.sequence=32",
    "finetune.batch=4",
    "finetune.micro_batch=2",
    "finetune.tokens=1024",
    'finetune.sources=[{path="chat.jsonl"}]',
    "reward.sequence=64",
    "reward.batch=4",
    "reward.micro_batch=0",
    'reward.sources=[{path="pairs.jsonl"}]',
    "ppo.updates=2",
    "ppo.warm_up=1",
    "ppo.rollouts=4",
    "ppo.minibatch=2",
    "ppo.prompt_tokens=64",
    "ppo.max_tokens=8",
    "ppo.ptx_batch=2",
    "ppo.ptx_sequence=32",
    'ppo.prompts=[{path="pairs.jsonl"}]',
    'ppo.ptx_sources=[{path="text.jsonl"}]',
    "dpo.sequence=64",
    "dpo.batch=4",
    'dpo.sources=[{path="pairs.jsonl"}]',
    "compare.limit=2",
    "compare.prompt_tokens=64",
    "compare.max_tokens=8",
    "compare.text_sequence=32",
    'compare.prompts=[{path="pairs.jsonl"}]',
    'compare.text=[{path="text.jsonl"}]',
]


@pytest.fixture
def more_records(records: Path) -> Path:
    """Adds comparisons to the documents and conversations."""
    pairs = [
        {
            "id": f"p{i}",
            "messages": [{"role": "user", "content": f"What is {i} and {i}?"}],
            "chosen": f"It is {i + i}.",
            "rejected": "No.",
        }
        for i in range(40)
    ]
    (records / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return records


def test_gpt2_trains_and_learns_when_shrunk(more_records: Path, tmp_path: Path) -> None:
    """Tied head, learned positions and biases learn at the recipe's own rates."""
    torch.set_num_threads(1)
    path = resources.recipes_dir() / "gpt2-124m.toml"
    recipe = load_recipe(path, more_records, [*TINY, "pretrain.tokens=12_800"])
    assert recipe.model.positions == "learned"
    model, _ = load_model(Run(recipe, tmp_path / "run").execute())
    assert model.config == recipe.model
    rows = [
        json.loads(row) for row in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < 0.7 * losses[0]


def test_the_half_hour_recipe_runs_all_its_stages_when_shrunk(
    more_records: Path, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    path = resources.recipes_dir() / "gpu-30min.toml"
    recipe = load_recipe(path, more_records, [*TINY, *AFTER, "pretrain.tokens=2048"])
    assert list(recipe.stages) == ["pretrain", "finetune", "reward", "ppo", "dpo", "compare"]
    model, _ = load_model(Run(recipe, tmp_path / "run").execute())
    assert model.config.attention == ("dense", "sparse(256, 16)")
    for stage in recipe.stages:
        assert (tmp_path / "run" / stage / "done.json").is_file()


def test_the_half_hour_recipe_finds_a_pack_wherever_it_is_named_from(tmp_path: Path) -> None:
    """The links of its first lines hold for a directory that is named from where one stands."""
    text = (resources.recipes_dir() / "gpu-30min.toml").read_text(encoding="utf-8")
    [line] = [line.strip("# ") for line in text.splitlines() if "ln -s" in line]
    (tmp_path / "a pack" / "chat").mkdir(parents=True)
    here = tmp_path / "here"
    here.mkdir()
    command = line.replace("DIR", "'../a pack'")
    subprocess.run(["sh", "-c", command], cwd=here, check=True)
    assert (here / "runs" / "data" / "chat").is_dir()


def test_a_piece_of_the_half_hour_recipe_ends_as_its_loop_expects() -> None:
    """The command of its first lines hands on the 130 of a run that saved and stopped."""
    text = (resources.recipes_dir() / "gpu-30min.toml").read_text(encoding="utf-8")
    [line] = [line.strip("# ") for line in text.splitlines() if "chatapp train" in line]
    words = shlex.split(line)
    limit = words[: words.index("python")]
    stopped = [*limit[:-1], "0.2", "sh", "-c", "trap 'exit 130' INT; while :; do sleep 0.05; done"]
    assert subprocess.run(stopped, check=False).returncode == 130
    assert subprocess.run([*limit, "true"], check=False).returncode == 0


def test_text_longer_than_the_context_is_refused_before_anything_runs(more_records: Path) -> None:
    """Every stage that reads windows of text is held to the model's context."""
    path = resources.recipes_dir() / "gpu-30min.toml"
    too_long = [*TINY, *AFTER, "compare.text_sequence=256"]
    with pytest.raises(RecipeError, match=r"\[compare\]: text_sequence 256 exceeds"):
        load_recipe(path, more_records, too_long)


@pytest.mark.parametrize("name", ["gpu-30min", "gpt2-124m"])
def test_a_gpu_recipe_says_what_it_is_for(name: str) -> None:
    """12 layers of 768 at full size, and the batch is cut into equal parts."""
    recipe = load_recipe(resources.recipes_dir() / f"{name}.toml")
    assert (recipe.model.n_layers, recipe.model.d_model) == (12, 768)
    assert recipe.pretrain.batch % recipe.pretrain.micro_batch == 0
