"""ddgs, the keyless metasearch: run in a child process, because it brings its own HTTP.

The thing to know: the library connects by itself, past our guard, and looks like a browser to the
engines it asks. What we can promise is therefore less, and this is it: the child gets the words of
the query and nothing else (no key, no proxy, no home of this process); it calls `text` alone, whose
addresses are written down in the library, so no page and no result can send it anywhere; it is
killed at the deadline or when nobody waits any more; what it prints is cut, parsed as JSON and
cleaned like any stranger's text; and a result's address is judged by the fetcher's guard before
anything is fetched from it. Who wants none of it takes `ddgs` out of the setting `web.providers`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from retrieval.web.providers.cleaning import clean_results
from retrieval.web.providers.protocol import Found, ShouldStop, Status, found

_ASK_SECONDS = 0.05  # how often it is looked whether to go on
_MOST_OUTPUT = 1 << 20  # bytes of the child's answer that are read
_KEPT_VARIABLES = ("PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP", "VIRTUAL_ENV")
_CHILD = (sys.executable, "-m", "retrieval.web.providers.ddgs_child")
_ENDS: tuple[Status, ...] = ("none", "blocked", "rate_limited", "unreachable", "misconfigured")


class Ddgs:
    """Searches several engines at once; `command` is the child, another one in tests."""

    name = "ddgs"

    def __init__(self, command: Sequence[str] = _CHILD) -> None:
        self._command = list(command)

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        """See `SearchProvider`."""
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            return Found("unreachable", why="no time was left")
        wanted = {"query": query, "limit": limit, "seconds": seconds}
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as question:
            question.write(json.dumps(wanted).encode())
            question.seek(0)
            ended = self._run(question, output, deadline, should_stop)
            if ended:
                return Found("unreachable", why=ended)
            output.seek(0)
            return _read(output.read(_MOST_OUTPUT), limit)

    def _run(
        self, question: IO[bytes], output: IO[bytes], deadline: float, should_stop: ShouldStop
    ) -> str:
        """Run the child to its end and return "", or kill it and return why."""
        try:
            child = subprocess.Popen(
                self._command,
                stdin=question,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                cwd=Path(__file__).resolve().parents[3],
            )
        except OSError as error:
            return f"its process cannot be started: {error.strerror}"
        try:
            while child.poll() is None:
                if should_stop():
                    return "stopped"
                if time.monotonic() > deadline:
                    return "it took too long"
                if os.fstat(output.fileno()).st_size > _MOST_OUTPUT:
                    return "its answer is too long"
                time.sleep(_ASK_SECONDS)
        finally:
            child.kill()
            child.wait()
        return "" if child.returncode == 0 else f"its process ended with {child.returncode}"


def _read(output: bytes, limit: int) -> Found:
    """Return what the child says; it is believed in nothing but its words."""
    try:
        reply = json.loads(output)
        status, rows, why = reply["status"], reply["results"], reply["why"]
        if status in _ENDS and isinstance(why, str):
            return Found(status, why=why[:200])
        return found(clean_results(rows, limit, url="href", title="title", snippet="body"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Found("unreachable", why="its process said something that is no answer")
