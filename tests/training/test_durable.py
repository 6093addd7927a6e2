"""What has been learnt survives: kills, signals, a full disk, damage, and a second run beside."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from chatapp.model.checkpoint import load_model
from chatapp.training.durable import (
    CheckpointError,
    RunLocked,
    Stopped,
    load_state,
    lock,
    save_state,
)
from chatapp.training.objectives import Batch
from chatapp.training.pipeline import Run
from chatapp.training.recipe import RecipeError, load_recipe
from chatapp.training.shards import PackedBatches
from tests.training.runs import ROOT, lines, losses, run, start, wait_until


def edit(recipe_file: Path, old: str, new: str) -> None:
    recipe_file.write_text(recipe_file.read_text().replace(old, new))


def same_weights(a: Path, b: Path) -> bool:
    first, second = load_model(a)[0].parameters(), load_model(b)[0].parameters()
    return all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


def test_killed_at_ten_random_points_a_run_ends_up_the_same(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """SIGKILL anywhere, from tokenising to the last stage: the same losses, bit for bit."""
    text = recipe_file.read_text().replace(
        "tokens = 1_536", "tokens = 5_120\nsave_every_minutes = 0.0"
    )
    recipe_file.write_text(
        text.replace("tokens = 1_024", "tokens = 3_072\nsave_every_minutes = 0.0005")
    )
    whole = run(recipe_file, records, tmp_path / "whole")
    draw = random.Random(5)
    total = lines(tmp_path / "whole")
    points = sorted((draw.randrange(total - 4), draw.randrange(30)) for _ in range(10))
    command = [sys.executable, "-m", "tests.training.killed", recipe_file, records]
    done = subprocess.run(
        [*map(str, command), str(tmp_path / "killed"), *(f"{line}+{ms}" for line, ms in points)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert same_weights(tmp_path / "killed" / "model", whole)


def test_a_run_stopped_by_ctrl_c_continues_bit_for_bit(
    recipe_file: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that Ctrl-C falls into is finished and saved."""
    whole = run(recipe_file, records, tmp_path / "whole")
    original = PackedBatches.batch

    def interrupted(self: PackedBatches, step: int) -> Batch:
        if step == 3 and (tmp_path / "parts" / "finetune").exists():
            signal.raise_signal(signal.SIGINT)
        return original(self, step)

    monkeypatch.setattr(PackedBatches, "batch", interrupted)
    with pytest.raises(Stopped):
        run(recipe_file, records, tmp_path / "parts")
    monkeypatch.undo()
    parts = run(recipe_file, records, tmp_path / "parts")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert same_weights(parts, whole)


def test_a_full_disk_keeps_the_last_good_state(
    recipe_file: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses to write any more in the middle of a save: a clear error, and no loss."""
    recipe_file.write_text(
        recipe_file.read_text().replace(
            "tokens = 1_536", "tokens = 1_536\nsave_every_minutes = 0.0"
        )
    )
    whole = run(recipe_file, records, tmp_path / "whole")
    original = PackedBatches.batch
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def disk_fills_up(self: PackedBatches, step: int) -> Batch:
        if step == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
        return original(self, step)

    monkeypatch.setattr(PackedBatches, "batch", disk_fills_up)
    message = r"cannot save .*state\.pt.* the last saved state is whole"
    try:
        with pytest.raises(CheckpointError, match=message):
            run(recipe_file, records, tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    monkeypatch.undo()
    left = sorted(path.name for path in (tmp_path / "full" / "pretrain").iterdir())
    assert left == ["settings.json", "state.pt"]
    state = load_state(tmp_path / "full" / "pretrain" / "state.pt")
    assert state is not None
    assert state["step"] == 5
    assert same_weights(run(recipe_file, records, tmp_path / "full"), whole)


def test_a_full_disk_is_told_in_one_line(recipe_file: Path, records: Path, tmp_path: Path) -> None:
    """The command ends with the code for storage and names the fix."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))"
    program = f"{limit}; import sys; from chatapp.cli.main import main; sys.exit(main())"
    arguments = ("train", recipe_file, "--data", records, "--out", tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    assert "cannot save" in done.stderr
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_state_is_named_and_not_continued(tmp_path: Path) -> None:
    """Half a file is no state: the message says which one, and what to do."""
    path = tmp_path / "state.pt"
    assert load_state(path) is None
    save_state(path, {"step": 3, "weight": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged"):
        load_state(path)


def test_two_runs_in_one_directory_refuse(tmp_path: Path) -> None:
    """The second one says so; the place is free again when the first has gone."""
    refused = pytest.raises(RunLocked, match="another process is training")
    with lock(tmp_path), refused, lock(tmp_path):
        raise AssertionError("both hold it")
    with lock(tmp_path):
        pass


def test_a_place_that_cannot_be_trained_in_is_named(tmp_path: Path) -> None:
    """A file where the run's directory should be is a clear error, not a surprise."""
    taken = tmp_path / "taken"
    taken.write_text("a letter")
    refused = pytest.raises(CheckpointError, match=r"cannot train in .*taken.*give another --out")
    with refused, lock(taken):
        raise AssertionError("it was held")
    assert taken.read_text() == "a letter"


def test_a_stage_that_is_not_there_is_refused_before_anything_is_written(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(RecipeError, match="has no stage 'nosuch'; it has pretrain"):
        Run(load_recipe(recipe_file, records), out).execute("nosuch")
    assert not out.exists()


def test_the_command_trains_stops_on_signals_and_resumes(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """Ctrl-C ends with 130, SIGTERM with 143, both saved; --resume finishes what they began."""
    edit(recipe_file, "tokens = 1_536", "tokens = 12_800")
    out = tmp_path / "run"
    arguments = ("train", recipe_file, "--data", records, "--out", out, "--threads", "1")
    for number, extra in ((signal.SIGINT, ()), (signal.SIGTERM, ("--resume",))):
        more = lines(out) + 2
        process = start(*arguments, *extra)
        wait_until(lambda more=more: lines(out) > more)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        assert "--resume" in errors
    _, errors = (again := start(*arguments)).communicate(timeout=60)
    assert again.returncode == 2
    assert "already holds a run" in errors
    output, errors = (resumed := start(*arguments, "--resume")).communicate(timeout=100)
    assert resumed.returncode == 0, errors
    assert "continuing at step" in errors
    assert output.strip() == str(out / "model")
