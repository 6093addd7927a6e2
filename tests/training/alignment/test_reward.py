"""The reward model recovers what people preferred, and its shuffled control does not."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatapp.model.checkpoint import ModelUnavailable
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.answers import encode_answer
from chatapp.training.epochs import ExampleBatches
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.recipe import RecipeError, Source
from chatapp.training.reward.accuracy import accuracy_by_source
from chatapp.training.reward.comparisons import Comparison, rank
from chatapp.training.reward.data import collate, encode_prompts, read_pairs
from chatapp.training.reward.model import batch_rewards, load_reward_model, score
from chatapp.training.stages import RunContext, run_stages

Begin = Callable[[str], RunContext]
REWARD = """
[reward]
sources = [{ path = "pairs.jsonl" }]
sequence = 48
batch = 8
epochs = 8
matrix_lr = 0.01
head_lr = 0.01
held_out = 300
judge = true
"""


def test_a_reward_model_recovers_the_preference_and_its_control_does_not(
    begin: Begin, comparisons: Path, tokenizer: ChatTokenizer
) -> None:
    """One command trains the model, the shuffled control and a judge on other prompts."""
    context = begin(REWARD)
    run_stages(context)
    result = json.loads((context.out / "reward" / "result.json").read_text())
    assert result["model"]["all"]["accuracy"] > 0.9
    assert result["judge"]["all"]["accuracy"] > 0.9
    assert abs(result["control"]["all"]["accuracy"] - 0.5) < 0.35
    assert result["separation"] > 3
    assert result["model"]["pairs"]["pairs"] == result["model"]["all"]["pairs"] > 15
    model = load_reward_model(context.model_directory("reward"))
    rewards = score(
        model,
        [
            encode_answer(tokenizer, [("user", f"Is {n} names?")], answer)
            for n in range(40)
            for answer in ("yes 1", "no 1")
        ],
        tokenizer.padding,
    ).view(40, 2)
    assert (rewards[:, 0] > rewards[:, 1]).float().mean() > 0.9
    assert abs(rewards[:, 0].mean().item()) < 1.5  # preferred answers score about 0


def test_a_stage_that_was_interrupted_ends_with_the_same_weights(
    begin: Begin, comparisons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the control's training, the run goes on there and the model is bit for bit it."""
    from chatapp.training.loop import Trainer

    short = REWARD.replace("epochs = 8", "epochs = 1")
    context = begin(short)
    run_stages(context)

    other = RunContext(context.recipe, context.out.with_name("parts"), context.tokenizer)
    take = Trainer._take_step

    def dying(self: Trainer[object]) -> object:  # type: ignore[type-var]
        if self.name == "reward-control" and self.step == 2:
            self._save()
            raise KeyboardInterrupt
        return take(self)

    monkeypatch.setattr(Trainer, "_take_step", dying)
    with pytest.raises(KeyboardInterrupt):
        run_stages(other)
    monkeypatch.undo()
    run_stages(other)
    for name in ("reward", "reward-control", "reward-judge"):
        whole, parts = (load_reward_model(run.model_directory(name)) for run in (context, other))
        for one, same in zip(whole.parameters(), parts.parameters(), strict=True):
            assert torch.equal(one, same)


def test_missing_answers_of_a_batch_get_no_reward(
    gpt: torch.nn.Module, tokenizer: ChatTokenizer
) -> None:
    """Prompts with 3 and with 2 answers share a batch; each answer is read once."""
    prompts = rank(
        [
            Comparison((("user", "A?"),), "x", "y", "s"),
            Comparison((("user", "A?"),), "x", "z", "s"),
            Comparison((("user", "Longer is this?"),), "word", "small", "s"),
        ],
        answers=3,
    )
    encoded, dropped = encode_prompts(prompts, tokenizer, 64)
    batch = collate(encoded, tokenizer.padding)
    assert dropped == 0
    assert batch.lengths[1, 2] == 0
    model = HeadedGPT(gpt, 1)  # type: ignore[arg-type]
    model.initialise(torch.Generator().manual_seed(1))
    rewards = batch_rewards(model, batch)
    alone = score(model, [a for p in encoded for a in p.answers], tokenizer.padding)
    assert rewards[1, 2] == 0
    assert torch.allclose(rewards.flatten()[[0, 1, 2, 3, 4]], alone, atol=1e-5)


def test_errors_of_pairs_that_share_a_prompt_are_clustered(tokenizer: ChatTokenizer) -> None:
    """Ten pairs of one prompt are one observation, so the error is that of the prompts."""
    pairs = [
        Comparison((("user", f"{p}?"),), f"b{n}", f"w{n}", "s") for p in range(6) for n in range(5)
    ]
    encoded, _ = encode_prompts(rank(pairs, answers=10), tokenizer, 64)
    rewards = [
        [float((answer[0] == "b") == (place % 2 == 0)) for answer in each.prompt.answers]
        for place, each in enumerate(encoded)
    ]
    found = accuracy_by_source(encoded, rewards)["s"]
    assert found.accuracy == 0.5
    assert (found.pairs, found.prompts) == (30, 6)
    assert found.stderr == pytest.approx((0.25 / 6 * 6 / 5) ** 0.5)


def test_nothing_that_fits_is_an_error_with_the_length(tokenizer: ChatTokenizer) -> None:
    with pytest.raises(RecipeError, match=r"none of 1 prompts .* sequence = 4 tokens"):
        encode_prompts(
            rank([Comparison((("user", "What?"),), "a", "b", "s")], answers=2), tokenizer, 4
        )


def test_a_chat_model_is_no_reward_model(start: Path) -> None:
    with pytest.raises(ModelUnavailable, match="--stage reward"):
        load_reward_model(start)


def test_every_example_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    """Batches are a function of the step, epochs differ, and like lengths stand together."""
    lengths = [number % 9 for number in range(64)]
    batches = ExampleBatches(lengths, lambda numbers: numbers, batch=4, seed=1)
    epochs = [[batches.batch(epoch * 16 + step) for step in range(16)] for epoch in range(2)]
    for epoch in epochs:
        assert sorted(number for part in epoch for number in part) == list(range(64))
    assert epochs[0] != epochs[1]
    assert batches.batch(3) == epochs[0][3]
    spreads = [max(n % 9 for n in part) - min(n % 9 for n in part) for part in epochs[0]]
    assert sum(spreads) / 16 < 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tokens = 100", "exactly one of epochs, tokens and minutes"),
        ("answers = 1", "answers must be at least 2"),
        ("held_out = 1000", "held_out must lie between"),
    ],
)
def test_impossible_settings_are_named(begin: Begin, line: str, message: str) -> None:
    stage = REWARD.replace("held_out = 300\n", "") if "held_out" in line else REWARD
    with pytest.raises(RecipeError, match=message):
        begin(stage + line)


def test_the_comparisons_that_come_with_the_project_are_pairs_of_distinct_prompts() -> None:
    """The smoke recipe's sample: every record has a prompt of its own and two different answers."""
    root = Path(__file__).parents[3] / "data" / "samples"
    pairs = read_pairs(root, [Source("preferences.jsonl")])
    assert len({pair.messages for pair in pairs}) == len(pairs) == 64


def test_two_processes_rank_as_one_does(begin: Begin, comparisons: Path, tmp_path: Path) -> None:
    """Under torchrun with DDP every loss is that of one process, up to rounding."""
    stage = REWARD.replace("epochs = 8", "epochs = 1").replace("judge = true", "judge = false")
    context = begin(stage.replace("held_out = 300", "held_out = 300\ncontrol = false"))
    recipe = dataclasses.replace(context.recipe, precision="float32")
    run_stages(dataclasses.replace(context, recipe=recipe))
    arguments = ["-m", "chatapp", "train", str(tmp_path / "recipe.toml"), "--threads", "1"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run(
        [*launcher, *arguments, "--out", str(tmp_path / "two"), "--set", "precision=float32"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    one, two = (
        [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        for out in (context.out, tmp_path / "two")
    )
    assert len(one) == len(two) > 10
    for alone, shared in zip(one, two, strict=True):
        assert shared.get("loss", 0.0) == pytest.approx(alone.get("loss", 0.0), abs=2e-3)
