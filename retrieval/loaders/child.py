"""The child process of `retrieval.loaders.isolated`: a job a line in, its items a line each out.

The thing to know: it ends when its parent does (its input closes, or nobody reads its output) and
when no job came for ten seconds. What a parser prints goes nowhere: the pipe is for replies.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from retrieval.errors import LoadError, Unreachable, unreadable

CPU_SECONDS = 60  # a parsed file; a stream has its parent's deadline alone
MEMORY_BYTES = 2 * 1024**3
IDLE_SECONDS = 10.0


def serve(jobs: BinaryIO, replies: BinaryIO) -> None:
    """Do jobs until there are no more."""
    while line := _next_line(jobs):
        _write(replies, {"started": True})
        job = json.loads(line)
        try:
            for item in _items(job):
                _write(replies, {"item": item})
            _write(replies, {"done": True})
        except BrokenPipeError:
            return  # the parent is gone
        except (LoadError, OSError) as error:
            said = error if isinstance(error, LoadError) else unreadable(error)
            reached = not isinstance(said, Unreachable)
            _write(replies, {"error": said.message, "hint": said.hint, "reached": reached})


def _items(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    module = import_module(job["module"])
    streams = "argument" in job
    _limit_resources(None if streams else CPU_SECONDS)
    if streams:
        yield from module.stream(Path(job["path"]), job["argument"])
    else:
        yield module.parse(Path(job["path"]))


def _next_line(jobs: BinaryIO) -> bytes:
    """Return the next job, b"" when none comes any more."""
    leaves = threading.Timer(IDLE_SECONDS, os._exit, [0])
    leaves.daemon = True
    leaves.start()
    line = jobs.readline()
    leaves.cancel()
    return line


def _write(replies: BinaryIO, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


def _limit_resources(cpu_seconds: int | None) -> None:
    """Limit this process to `cpu_seconds` from now on, and its memory for good."""
    try:
        import resource
    except ImportError:  # Windows has no rlimits; the parent's deadline still holds
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = resource.RLIM_INFINITY
    if cpu_seconds is not None:
        most = int(used.ru_utime + used.ru_stime) + cpu_seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    serve(sys.stdin.buffer, out)
