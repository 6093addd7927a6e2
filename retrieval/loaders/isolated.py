"""Run a parser in a child process that can be killed.

The thing to know: PDF and HTML parsers can be made to loop, to eat memory or to crash the process
that calls them. The child has limits on CPU time and address space (`retrieval.loaders.child`), the
parent has a deadline, and whatever goes wrong becomes one `LoadError`; the app lives on. Starting
Python and a parser takes longer than most files do, so a child that did well is kept for the next
file; it leaves by itself when nobody asks for ten seconds, and when this process ends, however.
"""

from __future__ import annotations

import atexit
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from retrieval.errors import LoadError, Unreachable

WALL_SECONDS = 90
_MOST_JOBS = 200  # a child is replaced after that many: parsers leak
_MOST_IDLE = 2
_AHEAD = 32  # items a streaming child may be ahead of who reads them


def run_isolated(module: str, path: Path, *, wall_seconds: float = WALL_SECONDS) -> dict[str, Any]:
    """Return what `module.parse(path)` returns, run in a child process under limits.

    Raises:
        LoadError: the parser refused the file, crashed, or ran over a limit.
    """
    with closing(_run({"module": module, "path": str(path)}, wall_seconds)) as items:
        [item] = items
    return item


def stream_isolated(
    module: str, path: Path, argument: int, *, wall_seconds: float = WALL_SECONDS
) -> Generator[dict[str, Any], None, None]:
    """Yield what `module.stream(path, argument)` yields in a child process, while it goes on there.

    `wall_seconds` bounds the silence between two items. Close the iterator to stop the child.

    Raises:
        LoadError: as above; what was yielded before stands.
    """
    return _run({"module": module, "path": str(path), "argument": argument}, wall_seconds)


def _run(job: dict[str, Any], wall_seconds: float) -> Generator[dict[str, Any], None, None]:
    child = _started(job)
    fit = False
    try:
        while "done" not in (reply := child.reply(wall_seconds)):
            if "error" in reply:
                fit = True  # the parser said no in good order
                kind = LoadError if reply["reached"] else Unreachable
                raise kind(reply["error"], reply["hint"])
            yield reply["item"]
        fit = True
    finally:
        _keep(child) if fit else child.kill()


class _Child:
    """One child process: a job in by a line of JSON, its items out by a line each."""

    def __init__(self) -> None:
        self.jobs = 0
        self._lines: queue.Queue[bytes] = queue.Queue(_AHEAD)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "retrieval.loaders.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def starts(self, job: dict[str, Any]) -> bool:
        """Hand over a job; False when the child has left, or is leaving, for want of one."""
        assert self._process.stdin is not None
        self.jobs += 1
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
            return "started" in self.reply(WALL_SECONDS)
        except (BrokenPipeError, LoadError):
            return False

    def reply(self, wall_seconds: float) -> dict[str, Any]:
        """Return the next line; raise `LoadError` when none comes."""
        try:
            line = self._lines.get(timeout=wall_seconds)
        except queue.Empty:
            raise LoadError(
                f"reading the file took longer than {wall_seconds:.0f} s and was stopped",
                "split the file, or export it as plain text",
            ) from None
        if not line:
            raise LoadError(
                f"the parser stopped on this file (exit {self._process.wait()})",
                "the file is damaged or needs too much memory; export it as plain text",
            )
        reply: dict[str, Any] = json.loads(line)
        return reply

    def kill(self) -> None:
        """End the process and wait for its last line."""
        assert self._process.stdin is not None
        self._process.kill()
        while self._reader.is_alive():
            while not self._lines.empty():  # the reader may be waiting for room
                self._lines.get()
            self._reader.join(0.05)
        self._process.wait()
        with suppress(BrokenPipeError):  # a job that it left too early to take
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(b"")


_idle: list[_Child] = []
_guard = threading.Lock()


def _started(job: dict[str, Any]) -> _Child:
    """Return a child that has begun the job: a kept one if one is still there."""
    while True:
        with _guard:
            kept = _idle.pop() if _idle else None
        child = kept or _Child()
        if child.starts(job):
            return child
        child.kill()
        if kept is None:
            raise Unreachable("no parser could be started", "close other programs, then try again")


def _keep(child: _Child) -> None:
    with _guard:
        if child.jobs < _MOST_JOBS and len(_idle) < _MOST_IDLE:
            _idle.append(child)
            return
    child.kill()


def idle_children() -> list[int]:
    """Return the process ids of the children that wait for a file."""
    with _guard:
        return [child.pid for child in _idle]


@atexit.register
def dismiss() -> None:
    """End the children that wait."""
    with _guard:
        while _idle:
            _idle.pop().kill()
