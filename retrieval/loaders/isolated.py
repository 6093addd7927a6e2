"""Run a parser for hostile formats in a child process that can be killed.

The thing to know: PDF and HTML parsers can be made to loop, to eat memory or to crash the process
that calls them. The child has its own limits on CPU time and address space, the parent has a
deadline, and whatever goes wrong becomes one `LoadError`; the app lives on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from retrieval.errors import LoadError, unreadable

CPU_SECONDS = 60
WALL_SECONDS = 90
MEMORY_BYTES = 2 * 1024**3


def run_isolated(module: str, path: Path, *, wall_seconds: float = WALL_SECONDS) -> dict[str, str]:
    """Return what `module.parse(path)` returns, run in a child process under limits.

    Raises:
        LoadError: the parser refused the file, crashed, or ran over a limit.
    """
    command = [sys.executable, "-m", "retrieval.loaders.isolated", module, str(path)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall_seconds,
            cwd=_import_root(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(
            f"reading the file took longer than {wall_seconds:.0f} s and was stopped",
            "split the file, or export it as plain text",
        ) from error
    if done.returncode != 0:
        raise LoadError(
            f"the parser stopped on this file (exit {done.returncode})",
            "the file is damaged or needs too much memory; export it as plain text",
        )
    reply: dict[str, str] = json.loads(done.stdout)
    if "error" in reply:
        raise LoadError(reply["error"], reply["hint"])
    return reply


def _import_root() -> Path:
    return Path(__file__).resolve().parents[2]


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has no rlimits; the parent's deadline still holds
        return
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _child(module: str, path: str) -> None:
    _limit_resources()
    try:
        reply = import_module(module).parse(Path(path))
    except LoadError as error:
        reply = {"error": error.message, "hint": error.hint}
    except OSError as error:
        problem = unreadable(error)
        reply = {"error": problem.message, "hint": problem.hint}
    sys.stdout.write(json.dumps(reply))


if __name__ == "__main__":
    _child(*sys.argv[1:])
