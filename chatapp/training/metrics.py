"""The run's diary: `metrics.jsonl`, one JSON object a line, in the order things happened.

Every line has `stage`, `step`, `tokens` and `seconds`; the rest is the stage's. When a stage
continues from a saved state, the lines after that state are taken out, as they happen again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class MetricsLog:
    """Appends to the diary of a run; one that is not `shown` (another rank's) writes nothing."""

    def __init__(self, path: Path, stage: str, *, shown: bool = True) -> None:
        self._path, self._stage, self._shown = path, stage, shown

    def write(self, step: int, tokens: int, seconds: float, values: Mapping[str, float]) -> None:
        """Append one line."""
        if not self._shown:
            return
        head = {"stage": self._stage, "step": step, "tokens": tokens, "seconds": round(seconds, 4)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**head, **values}) + "\n")

    def rewind(self, step: int, *, finished: bool) -> None:
        """Forget this stage's lines after `step`, and a torn last line.

        A stage that is `finished` measures its last step again, so that measurement goes too.
        """
        if not self._shown or not self._path.is_file():
            return
        kept = [row for row in _rows(self._path) if not self._again(row, step, finished)]
        temporary = self._path.with_name(self._path.name + ".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in kept)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    def _again(self, row: dict[str, Any], step: int, finished: bool) -> bool:
        if row["stage"] != self._stage:
            return False
        return row["step"] > step or (finished and row["step"] == step and "loss" not in row)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:  # the process was killed while it wrote this line
            continue
    return rows
