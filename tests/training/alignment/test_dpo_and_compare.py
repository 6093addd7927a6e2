"""DPO widens the margin of what was preferred; the last stage puts every policy in one table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from chatapp.training.compare.table import win_rate
from chatapp.training.durable import load_state
from chatapp.training.loop import Trainer
from chatapp.training.policies import Measured
from chatapp.training.recipe import RecipeError
from chatapp.training.stages import RunContext, run_stages

Begin = Callable[[str], RunContext]
DPO = """
[dpo]
sources = [{ path = "pairs.jsonl" }]
sequence = 48
batch = 8
epochs = 3
held_out = 300
matrix_lr = 0.003
"""
COMPARE = """
[reward]
sources = [{ path = "pairs.jsonl" }]
sequence = 48
batch = 16
epochs = 1
held_out = 300
judge = true
control = false
[compare]
prompts = [{ path = "pairs.jsonl" }]
held_out = 300
limit = 6
max_tokens = 4
best_of = [1, 4]
samples = 2
text = [{ path = "pairs-as-text.jsonl" }]
text_sequence = 16
"""


def test_dpo_widens_the_margin_on_prompts_it_has_not_seen(begin: Begin, comparisons: Path) -> None:
    """From no margin at all to preferring what people prefer; the reference is computed once."""
    context = begin(DPO)
    run_stages(context)
    rows = [json.loads(line) for line in (context.out / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "margin" in row]
    assert abs(steps[0]["margin"]) < 0.05
    assert steps[0]["loss"] == pytest.approx(0.693, abs=0.03)
    done = json.loads((context.out / "dpo" / "done.json").read_text())
    assert done["held_out_margin"] > 0.1
    assert done["held_out_accuracy"] > 0.9
    cached = load_state(context.out / "dpo" / "reference.pt")
    assert cached is not None
    assert (cached["logprobs"] < 0).all()


def test_before_training_no_pair_has_a_margin(
    begin: Begin, comparisons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policy and reference are one, so they must be measured in one precision."""

    def measured_alone(self: Trainer[Any]) -> None:
        assert self._context.recipe.precision == "bfloat16"

    monkeypatch.setattr(Trainer, "run", measured_alone)
    context = begin(DPO)
    run_stages(context)
    done = json.loads((context.out / "dpo" / "done.json").read_text())
    assert abs(done["held_out_margin"]) < 1e-6
    assert abs(done["held_out_chosen"]) < 1e-6


def test_the_reference_of_other_pairs_is_not_reused(begin: Begin, comparisons: Path) -> None:
    """A cache that belongs to other comparisons is computed anew."""
    context = begin(DPO.replace("epochs = 3", "epochs = 0.1"))
    run_stages(context)
    file = context.out / "dpo" / "reference.pt"
    first = load_state(file)
    (context.out / "dpo" / "done.json").unlink()
    (context.out / "dpo" / "state.pt").unlink()
    lines = comparisons.read_text().splitlines()
    comparisons.write_text("\n".join(lines[:60]) + "\n")
    run_stages(context)
    second = load_state(file)
    assert first is not None
    assert second is not None
    assert first["key"] != second["key"]
    assert len(second["logprobs"]) < len(first["logprobs"])


def test_one_table_compares_every_policy_of_the_run(
    begin: Begin, comparisons: Path, tmp_path: Path
) -> None:
    """Start, best-of-n and DPO, by reward model and judge, with KL and bits per byte."""
    text = [{"id": f"t{n}", "text": f"The {n}th page has words."} for n in range(40)]
    lines = "".join(json.dumps(row) + "\n" for row in text)
    (tmp_path / "pairs-as-text.jsonl").write_text(lines)
    context = begin(DPO.replace("epochs = 3", "epochs = 1") + COMPARE)
    torch.manual_seed(0)
    run_stages(context)
    table = json.loads((context.out / "compare" / "table.json").read_text())
    rows = {row["policy"]: row for row in table["rows"]}
    assert list(rows) == ["start", "best of 1", "best of 4", "DPO"]
    assert table["prompts"] == 6
    assert rows["start"]["kl"] == pytest.approx(0.0, abs=1e-4)
    assert rows["best of 1"]["reward"] == pytest.approx(rows["start"]["reward"], abs=1e-5)
    assert rows["best of 4"]["reward"] > rows["start"]["reward"]
    assert rows["DPO"]["kl_k3"] > 0
    assert {"judge", "judge_gain", "reward_gain_stderr", "repetition"} <= set(rows["DPO"])
    assert 0 <= rows["DPO"]["judge_wins"] <= 1
    assert rows["start"]["bits_per_byte"] == rows["best of 4"]["bits_per_byte"] > 0
    written = (context.out / "compare" / "table.md").read_text()
    assert "| best of 4 |" in written
    assert written.count("\n") == 6


def test_a_win_is_over_any_answer_to_the_same_prompt() -> None:
    """One prompt always won, one lost, one half and half, one tied: half of all, in both senses."""
    none = torch.zeros(4, 2)

    def measured(rewards: list[list[float]]) -> Measured:
        return Measured({"judge": torch.tensor(rewards)}, none, none, none, none, 0.0, ())

    start = measured([[0.0, 1.0], [5.0, 6.0], [1.0, 1.0], [2.0, 2.0]])
    policy = measured([[2.0, 3.0], [3.0, 4.0], [0.0, 2.0], [2.0, 2.0]])
    assert win_rate(policy, start, "judge")[0] == 0.5
    assert win_rate(measured([[9.0, 9.0]] * 4), start, "judge") == (1.0, 0.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [("beta = 0.0", "beta must be above 0"), ("smoothing = 0.5", "smoothing must be at least 0")],
)
def test_impossible_settings_are_named(begin: Begin, line: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        begin(DPO + line)
