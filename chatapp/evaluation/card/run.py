"""Reading a run's directory: whatever a run that succeeded, failed or still goes on has left.

The thing to know: nothing is required but some sign of a run. What cannot be read becomes a problem
that the card names, never an error that keeps the rest from being seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, Any]
HEAD = ("stage", "step", "tokens", "seconds")  # what every line of metrics.jsonl begins with


class NoRun(ValueError):
    """A directory that holds no training run; `hint` is the fix."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass
class Stage:
    """One stage: its lines of metrics, and what its directory holds (None where it does not)."""

    name: str
    rows: list[Record] = field(default_factory=list)
    settings: Record | None = None
    result: Record | None = None
    done: Record | None = None

    @property
    def steps(self) -> int:
        """Return the last step."""
        return max((int(row["step"]) for row in self.rows), default=0)

    @property
    def tokens(self) -> int:
        """Return the tokens read, or written, up to the last step."""
        return max((int(row["tokens"]) for row in self.rows), default=0)

    @property
    def seconds(self) -> float:
        """Return the seconds of its steps."""
        return max((float(row["seconds"]) for row in self.rows), default=0.0)

    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """Return (step, value) by metric, in the order in which metrics first appear."""
        found: dict[str, list[tuple[float, float]]] = {}
        for row in self.rows:
            for key, value in row.items():
                if key not in HEAD and isinstance(value, int | float):
                    found.setdefault(key, []).append((float(row["step"]), float(value)))
        return found


@dataclass
class RunRecord:
    """All that a run has left."""

    name: str
    stages: dict[str, Stage] = field(default_factory=dict)
    model: Record | None = None
    bits_per_byte: Record | None = None
    prediction: Record | None = None
    outcome: Record | None = None
    machine: Record | None = None
    evaluations: dict[str, Record] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def is_complete(run: RunRecord, stage: Stage) -> bool:
    """Say whether a stage is marked done; a variant is as complete as the stage it belongs to."""
    if stage.done is not None:
        return True
    heads = (run.stages[h] for h in run.stages if stage.name.startswith(f"{h}-"))
    return any(head.done is not None for head in heads)


def read_run(directory: Path) -> RunRecord:
    """Read what there is.

    Raises:
        NoRun: the directory is missing, or shows no sign of a run.
    """
    if not directory.is_dir():
        raise NoRun(f"there is no directory {directory}", hint="name the --out of a training run.")
    run = RunRecord(directory.resolve().name)
    for row in _rows(directory / "metrics.jsonl", run.problems):
        run.stages.setdefault(row["stage"], Stage(row["stage"])).rows.append(row)
    for settings in sorted(directory.glob("*/settings.json")):
        run.stages.setdefault(settings.parent.name, Stage(settings.parent.name))
    for stage in run.stages.values():
        where = directory / stage.name
        for part in ("settings", "result", "done"):
            setattr(stage, part, _object(where / f"{part}.json", run.problems))
        stage.result = stage.result or _object(where / "table.json", run.problems)
    for part in ("bits_per_byte", "machine"):
        setattr(run, part, _object(directory / f"{part}.json", run.problems))
    for part in ("prediction", "outcome"):
        setattr(run, part, _object(directory / "ladder" / f"{part}.json", run.problems))
    run.model = _object(directory / "model" / "config.json", run.problems)
    for path in sorted((directory / "evaluations").glob("*.json")):
        if (line := _object(path, run.problems)) is not None:
            _keep(run, path, line)
    if not run.stages and run.model is None:
        raise NoRun(
            f"{directory} holds no training run: no metrics.jsonl and no stage",
            hint="name the --out of `chatapp train`.",
        )
    return run


def _keep(run: RunRecord, path: Path, line: Record) -> None:
    if isinstance(line.get("metrics"), Mapping) and "n" in line:
        run.evaluations[path.stem] = line
    else:
        run.problems.append(f"evaluations/{path.name} is no line of `chatapp eval`: left out")


def _rows(path: Path, problems: list[str]) -> Iterator[Record]:
    """Yield the lines of metrics; broken ones are counted as one problem."""
    if not path.is_file():
        problems.append("metrics.jsonl is missing: no curves can be shown")
        return
    broken = 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            head = {"stage": str(row["stage"]), "step": int(row["step"])}
            rest = {"tokens": int(row["tokens"]), "seconds": float(row["seconds"])}
        except (ValueError, TypeError, KeyError):
            broken += 1
            continue
        yield {**row, **head, **rest}
    if broken:
        problems.append(f"metrics.jsonl has {broken} broken lines: left out")


def _object(path: Path, problems: list[str]) -> Record | None:
    """Return the JSON object of a file; None where there is no file, or none in it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problems.append(f"{path.parent.name}/{path.name} cannot be read ({error}): left out")
        return None
    return value if isinstance(value, dict) else None
