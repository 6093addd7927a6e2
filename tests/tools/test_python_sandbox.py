"""Every way out of the sandbox that we know of, tried for real; each is refused by its own name.

The tests skip, and say why, where the machine cannot make the walls (no bwrap, or a container that
forbids namespaces): there the sandbox is off, which the tests of the second half hold.
"""

from __future__ import annotations

import platform

import pytest

from tools import python_sandbox
from tools.bubblewrap import Limits
from tools.python_sandbox import SandboxUnavailable, run_python, why_unavailable
from tools.seccomp import seccomp_filter

QUICK = Limits(wall_seconds=5.0, cpu_seconds=1, memory_mb=256)


@pytest.fixture
def walls() -> None:
    """Skip where this machine has no walls."""
    reason = why_unavailable()
    if reason is not None:
        pytest.skip(f"{reason.message} (fix: {reason.hint})")


@pytest.mark.usefixtures("walls")
def test_a_program_runs_and_its_words_come_back() -> None:
    """Output, errors and exit code are the program's own; the standard library is there."""
    found = run_python("import sys, json\nprint(json.dumps([1]))\nprint('é', file=sys.stderr)")
    assert (found.ok, found.stdout, found.stderr, found.limit) == (True, "[1]\n", "é\n", "")
    failed = run_python("def f():\n    return 1 / 0\nf()")
    assert failed.exit_code == 1
    assert "return 1 / 0" in failed.stderr
    assert failed.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "SyntaxError" in run_python("def (").stderr
    assert run_python("raise SystemExit(7)").exit_code == 7


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("program", "limit"),
    [
        ("import os\nwhile True: os.fork()", "processes"),
        ("import subprocess\nsubprocess.run(['/usr/bin/true'])", "processes"),
        ("import threading\nthreading.Thread(target=print).start()", "processes"),
        ("kept = []\nwhile True: kept.append(bytearray(1 << 20))", "memory"),
        ("print('x' * (1 << 30))", "memory"),
        ("for _ in range(1024): print('x' * (1 << 20))", "output"),
        ("import sys\nwhile True: sys.stderr.write('x' * 4096)", "output"),
        ("while True: pass", "cpu time"),
        ("open('/tmp/big', 'wb').write(bytes(9 << 20))", "file size"),
        ("for n in range(5): open(f'/tmp/{n}', 'wb').write(bytes(4 << 20))", "disk space"),
        ("open('/usr/own', 'w')", "read-only files"),
        ("open('/dev/shm/own', 'w')", "read-only files"),
        ("import socket\nsocket.create_connection(('192.0.2.1', 80), 3)", "network"),
    ],
    ids=lambda value: value.splitlines()[-1][:40] if "(" in value or ":" in value else value,
)
def test_each_limit_is_met_and_named(program: str, limit: str) -> None:
    """Bombs of every kind end the program, and the outcome says which wall it hit."""
    found = run_python(program, QUICK)
    assert not found.ok
    assert found.limit == limit, found


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    "program",
    ["import time\ntime.sleep(60)", "import os, time\nos.close(1)\nos.close(2)\ntime.sleep(60)"],
    ids=["sleep", "sleep with its output closed"],
)
def test_a_program_that_waits_is_killed(program: str) -> None:
    """Sleeping takes no cpu time, so the wall clock ends it."""
    found = run_python(program, Limits(wall_seconds=0.5))
    assert found.limit == "wall time"
    assert found.seconds < 30


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        ("open('/proc/self/environ')", "FileNotFoundError"),
        ("open('/etc/passwd')", "FileNotFoundError"),
        ("open('/tmp/link')", "FileNotFoundError"),
        ("os.listdir('/sys')", "FileNotFoundError"),
        ("os.mkdir('/own')", "OSError"),
        ("os.chroot('/tmp')", "PermissionError"),
        ("os.setuid(0)", "OSError"),
        ("os.memfd_create('memory')", "PermissionError"),
        ("resource.setrlimit(resource.RLIMIT_NPROC, (9, 9))", "ValueError"),
        ("socket.getaddrinfo('example.com', 80)", "gaierror"),
    ],
)
def test_there_is_nothing_outside_to_reach(attempt: str, error: str) -> None:
    """No /proc, no files through links, no mounts, no other user, no names of the network."""
    program = f"""
import os, resource, socket
os.symlink('/etc/passwd', '/tmp/link')
try:
    {attempt}
except (OSError, ValueError) as error:
    print([kind.__name__ for kind in type(error).__mro__])
"""
    found = run_python(program)
    assert found.exit_code == 0, found
    assert error in found.stdout


@pytest.mark.usefixtures("walls")
def test_there_is_no_other_process_to_kill() -> None:
    """A program sees its own few process numbers, and the one that holds the walls lives on."""
    found = run_python("""
import os
for number in {*range(1, 400)} - {os.getpid()}:
    try:
        os.kill(number, 9)
    except OSError:
        pass
print("alive")
""")
    assert found.stdout == "alive\n", found


@pytest.mark.usefixtures("walls")
def test_uncounted_memory_and_new_namespaces_are_refused() -> None:
    """Shared segments and a user namespace of one's own would escape every limit: EPERM."""
    shmget, unshare = (29, 272) if platform.machine() == "x86_64" else (194, 97)
    found = run_python(f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for call in [({shmget}, 0, 1 << 20, 0o1600), ({unshare}, 0x10000000)]:
    print(libc.syscall(*call), ctypes.get_errno())
""")
    assert found.stdout == "-1 1\n-1 1\n", found


@pytest.mark.usefixtures("walls")
def test_nothing_of_the_caller_leaks_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no open files but the three, no arguments, nothing left from before."""
    monkeypatch.setenv("SECRET", "hunter2")
    found = run_python("""
import os, sys
print("SECRET" in os.environ, sys.argv, sys.stdin.read(), os.listdir("/tmp"))
print([n for n in range(64) if os.path.exists(f"/dev/fd/{n}")] or "no /proc, no names")
for n in range(3, 64):
    try:
        os.fstat(n)
        print("open:", n)
    except OSError:
        pass
open("/tmp/left", "w")
""")
    assert found.stdout.splitlines() == ["False ['program.py']  []", "no /proc, no names"]
    assert run_python("import os\nprint(os.listdir('/tmp'))").stdout == "[]\n"


def test_without_bwrap_the_sandbox_is_off_and_names_the_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is run, and the person is told which package to install."""
    monkeypatch.setattr(python_sandbox.shutil, "which", lambda name: None)
    python_sandbox.why_unavailable.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match="needs bwrap") as caught:
            run_python("print(1)")
    finally:
        python_sandbox.why_unavailable.cache_clear()
    assert "apt-get install bubblewrap" in caught.value.hint


def test_where_a_wall_does_not_hold_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe that finds a way out turns the sandbox off, with the way in its message."""
    monkeypatch.setattr(python_sandbox.shutil, "which", lambda name: "/usr/bin/bwrap")
    monkeypatch.setattr(
        python_sandbox,
        "_run",
        lambda source, limits: python_sandbox.Outcome(1, "", "not refused: fork ()\n", "", 0.1),
    )
    python_sandbox.why_unavailable.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match="not safe here: not refused: fork"):
            run_python("print(1)")
    finally:
        python_sandbox.why_unavailable.cache_clear()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_allows_what_it_does_not_list(machine: str) -> None:
    """Walking the program as the kernel does: listed calls are refused, others allowed."""
    program = seccomp_filter(machine)
    assert program is not None
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    listed = {"x86_64": (272, 29, 425), "aarch64": (97, 194, 425)}[machine]
    for number in listed:
        assert verdict(program, arch, number) == 0x00050001
    for number in (0, 1, 60, 231, 257):
        assert verdict(program, arch, number) == 0x7FFF0000
    assert verdict(program, arch, 0x40000000 | 272) == 0x00050001
    assert verdict(program, 0x40000003, 310) == 0x80000000  # 32-bit numbering
    assert seccomp_filter("riscv64") is None


def verdict(program: bytes, architecture: int, number: int) -> int:
    """Interpret the four BPF instructions that the filter uses."""
    at, accumulator = 0, 0
    while True:
        code = int.from_bytes(program[at : at + 2], "little")
        if_true, if_false = program[at + 2], program[at + 3]
        value = int.from_bytes(program[at + 4 : at + 8], "little")
        at += 8
        if code == 0x06:
            return value
        if code == 0x20:
            accumulator = {0: number, 4: architecture}[value]
        else:
            met = accumulator == value if code == 0x15 else accumulator >= value
            at += 8 * (if_true if met else if_false)
