"""Runs untrusted Python where it can do no harm, or says why it cannot be run at all.

The thing to know: the walls are bubblewrap's (https://github.com/containers/bubblewrap) and the
kernel's, never Python's. A program sees an empty root with the interpreter in it, read-only, a
small scratch directory, no network, no /proc and no other process; it may start no process or
thread, and its time, memory, files and output are capped. `why_unavailable` tries those walls on
this machine first: where one of them does not hold, nothing is run.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO

from tools.bubblewrap import Limits, command
from tools.protocol import Stop, ToolError
from tools.seccomp import seccomp_filter

_INSTALL = "install bubblewrap; on Debian: apt-get install bubblewrap"
_NO_WALLS = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces), or run outside a "
    "container that forbids them"
)


class SandboxUnavailable(ToolError):
    """This machine cannot run untrusted code safely; `hint` is the fix."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Outcome:
    """How a program ended.

    `limit` names the wall it ran into, as far as that can be told from outside ("wall time", "cpu
    time", "memory", "output", "processes", "open files", "file size", "disk space", "network",
    "read-only files", "system calls", "crash"), and is empty otherwise.
    """

    exit_code: int
    stdout: str
    stderr: str
    limit: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Say whether the program ran to its end without an error."""
        return self.exit_code == 0 and not self.limit


# Every line tries one way out and must fail; the last line is reached only behind all walls.
_PROBE = """
import os, socket
def refused(attempt, *arguments):
    try:
        attempt(*arguments)
    except (OSError, MemoryError):
        return
    raise SystemExit(f"not refused: {attempt.__name__} {arguments}")
def connect():
    with socket.socket() as s:
        s.connect(("192.0.2.1", 9))
refused(os.fork)
refused(connect)
refused(os.listdir, "/proc")
refused(os.listdir, "/etc")
refused(os.listdir, "/var")
refused(os.mkdir, "/new")
refused(os.mkdir, "/usr/new")
refused(bytearray, 1 << 40)
refused(os.memfd_create, "memory")
assert os.getuid() != 0 or os.environ.get("MAPPED"), "still root"
with open("/tmp/scratch", "w") as file:
    file.write("x")
print("walls hold")
"""


@functools.cache
def why_unavailable() -> SandboxUnavailable | None:
    """Return why nothing can be run here, None when it can; tries it once a process."""
    if sys.platform != "linux":
        return SandboxUnavailable(
            "the Python sandbox needs Linux, whose namespaces it is made of",
            hint="use a Linux machine or a virtual one.",
        )
    if shutil.which("bwrap") is None:
        return SandboxUnavailable("the Python sandbox needs bwrap", hint=_INSTALL)
    if seccomp_filter() is None:
        return SandboxUnavailable(
            f"the Python sandbox does not know the system calls of {platform.machine()}",
            hint="use a machine with an x86_64 or aarch64 processor.",
        )
    found = _run(_PROBE, Limits())
    if found.ok and found.stdout.strip() == "walls hold":
        return None
    said = (found.stderr.strip().splitlines() or [found.limit or "no reason given"])[-1]
    return SandboxUnavailable(f"the Python sandbox is not safe here: {said}", hint=_NO_WALLS)


def run_python(
    source: str, limits: Limits | None = None, *, echo: bool = False, stop: Stop | None = None
) -> Outcome:
    """Run a program with nothing on its stdin and return how it ended.

    Args:
        source: the program.
        limits: what it may use.
        echo: print the value of a last line that is an expression.
        stop: ends the program when it is set.

    Raises:
        SandboxUnavailable: this machine cannot do it safely.
    """
    reason = why_unavailable()
    if reason is not None:
        raise reason
    return _run(source, limits or Limits(), echo=echo, stop=stop)


def _run(source: str, limits: Limits, *, echo: bool = False, stop: Stop | None = None) -> Outcome:
    began = time.monotonic()
    with _file(source.encode("utf-8", "replace")) as program, _file(seccomp_filter()) as calls:
        process = subprocess.Popen(
            command(limits, calls.fileno(), echo=echo),
            stdin=program,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[calls.fileno()],
            start_new_session=True,
            env={},
        )
    if stop is not None:
        stop.when_set(process.kill)  # bwrap's end is the end of everything in its namespace
    try:
        stdout, stderr, stopped = _collect(process, limits, began + limits.wall_seconds)
    finally:
        _kill(process)
    return Outcome(
        exit_code=process.returncode,
        stdout=stdout,
        stderr=stderr,
        limit=stopped or _limit_met(process.returncode, stderr),
        seconds=time.monotonic() - began,
    )


def _file(content: bytes | None) -> IO[bytes]:
    """Return a nameless file that holds `content`, to be read from its start."""
    assert content is not None, "why_unavailable() looks first"
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(content)
    file.seek(0)
    return file


def _collect(
    process: subprocess.Popen[bytes], limits: Limits, deadline: float
) -> tuple[str, str, str]:
    """Read both streams until they close; return them and the wall that ended the reading."""
    assert process.stdout is not None
    assert process.stderr is not None
    read: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    stopped = ""
    with selectors.DefaultSelector() as selector:
        for stream in read:
            selector.register(stream, selectors.EVENT_READ, stream)
        while selector.get_map() and not stopped:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                stopped = "wall time"
            for key, _ in ready:
                piece = os.read(key.fd, 65_536)
                read[key.data] += piece
                if not piece:
                    selector.unregister(key.fileobj)
                elif len(read[key.data]) > limits.output_characters:
                    stopped = "output"
    texts = [
        bytes(kept[: limits.output_characters]).decode("utf-8", "replace") for kept in read.values()
    ]
    return texts[0], texts[1], stopped or _await_end(process, deadline)


def _await_end(process: subprocess.Popen[bytes], deadline: float) -> str:
    """Wait for a program that closed its output; return the wall when it goes on regardless."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "wall time"
    return ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group; the namespace's other processes die with their first."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


_ERRNO_LIMITS = {
    11: "processes",
    12: "memory",
    24: "open files",
    27: "file size",
    28: "disk space",
    30: "read-only files",
    101: "network",
}
_SIGNAL_LIMITS = {
    signal.SIGXCPU: "cpu time",
    signal.SIGKILL: "cpu time",  # the hard limit, for a program that ignores the first signal
    signal.SIGXFSZ: "file size",
    signal.SIGSYS: "system calls",
    signal.SIGSEGV: "crash",
    signal.SIGBUS: "crash",
    signal.SIGABRT: "crash",
}


def _limit_met(exit_code: int, stderr: str) -> str:
    """Name the wall from the way the program ended; only a help for people, no security."""
    last = (stderr.strip().splitlines() or [""])[-1]
    if exit_code - 128 in _SIGNAL_LIMITS:
        return _SIGNAL_LIMITS[signal.Signals(exit_code - 128)]
    if last.startswith("MemoryError"):
        return "memory"
    if last.startswith("RuntimeError: can't start new thread"):
        return "processes"
    number = re.search(r"\[Errno (\d+)\]", last)
    return _ERRNO_LIMITS.get(int(number[1]), "") if number and exit_code else ""


def sentinel() -> str:
    """Return a word that a program cannot guess, to print when all of it has run."""
    return f"reached-{secrets.token_hex(16)}"
