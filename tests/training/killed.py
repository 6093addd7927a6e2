"""Runs a recipe in children that are killed with SIGKILL at given points, then once to its end.

    python -m tests.training.killed RECIPE RECORDS OUT POINT...

A point is a number of lines in the run's diary, and a wait in milliseconds after they are there.
The children are forked from one process that has loaded everything, so a kill costs no start.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from chatapp.training.pipeline import Run
from chatapp.training.recipe import load_recipe
from tests.training.runs import lines, wait_until


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a child; return its process id."""
    if child := os.fork():
        return child
    try:
        work()
    finally:
        os._exit(0 if sys.exception() is None else 1)


def killed_at(run: Run, line: int, milliseconds: int) -> None:
    """Run until the diary has so many lines and a little longer, and kill that."""
    child = fork(run.execute)
    wait_until(lambda: lines(run.out) >= line)
    time.sleep(milliseconds / 1000)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status), "the run had ended before it could be killed"


def main() -> None:
    """See the module."""
    recipe, records, out, *points = sys.argv[1:]
    run = Run(load_recipe(Path(recipe), Path(records)), Path(out))
    for point in points:
        line, milliseconds = point.split("+")
        killed_at(run, int(line), int(milliseconds))
    assert os.waitpid(fork(run.execute), 0)[1] == 0


if __name__ == "__main__":
    main()
