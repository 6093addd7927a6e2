"""What a process that may be killed at any moment tried to write, and what it was told is written.

Each line names a fact about the file by a key, such as `title:ID`, and its value. `try` is written
before the store is asked, `done` once it has answered. After a kill the file must hold the last
value that was done, or one that was tried since.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Journal:
    """Appends to a file of its own; a line is with the kernel before the call returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tried(self, key: str, value: Any) -> None:
        """Say that `value` is about to be written."""
        self._write("try", key, value)

    def done(self, key: str, value: Any) -> None:
        """Say that the store has acknowledged `value`."""
        self._write("done", key, value)

    def _write(self, kind: str, key: str, value: Any) -> None:
        os.write(self._file, json.dumps([kind, key, value]).encode() + b"\n")


@dataclass
class Expected:
    """The values one key may have: the one acknowledged last and all that were tried after it."""

    acknowledged: bool = False
    allowed: list[Any] = field(default_factory=list)


def read_journals(paths: Iterable[Path]) -> dict[str, Expected]:
    """Return what the file may hold, by key; no two journals may write the same key."""
    expected: dict[str, Expected] = defaultdict(Expected)
    for path in paths:
        for line in path.read_bytes().splitlines():
            try:
                kind, key, value = json.loads(line)
            except ValueError:
                continue  # the kill fell into this line; nothing it says was relied on
            if kind == "done":
                expected[key] = Expected(True, [value])
            else:
                expected[key].allowed.append(value)
    return dict(expected)
