"""Every way out of the sandbox that we know of, tried for real; each is refused by its own name.

The tests skip, and say why, where the machine cannot make the walls (no bwrap, or a container that
forbids namespaces): there the sandbox is off, which the tests of the second half hold.
"""

from __future__ import annotations

import platform
import re
import socket
import threading
from dataclasses import replace

import pytest

from tests.tools.escapes import ESCAPES
from tools import python_sandbox
from tools.bubblewrap import Limits
from tools.calculator import Calculator
from tools.calls import ToolCall
from tools.protocol import Stop
from tools.python_sandbox import SandboxUnavailable, run_python, why_unavailable
from tools.python_tool import Python
from tools.registry import ToolRegistry
from tools.seccomp import seccomp_filter

# A busy machine gives a second of processor time late: the wall clock must not come before it.
QUICK = Limits(wall_seconds=60.0, cpu_seconds=1, memory_mb=256)


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
@pytest.mark.parametrize("name", ESCAPES)
def test_every_known_way_out_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus: each program is stopped, and says or is said to be stopped by what."""
    if name.startswith("system calls") and platform.machine() != "x86_64":
        pytest.skip("the corpus has the call's number on x86_64 only")
    monkeypatch.setenv("SECRET", "hunter2")
    escape = ESCAPES[name]
    limits = replace(QUICK, wall_seconds=1.0) if escape.refusal == "wall time" else QUICK
    found = run_python(escape.program, limits)
    assert "ESCAPED" not in found.stdout, found
    said = f"{found.limit}\n{found.stdout[-500:]}\n{found.stderr[-500:]}"
    assert re.search(escape.refusal, said), found


@pytest.mark.usefixtures("walls")
def test_the_loopback_of_this_machine_is_another_one() -> None:
    """A service that listens here, such as a database, cannot be reached from inside."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = run_python(f"import socket; socket.create_connection(('127.0.0.1', {port}), 3)")
    assert not found.ok
    assert "Error" in found.stderr.splitlines()[-1]


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


@pytest.mark.usefixtures("walls")
def test_as_a_tool_it_shows_the_last_value_and_names_the_limit() -> None:
    """What a model gets to read: output, the last line's value, errors, and the wall it met."""
    registry = ToolRegistry([Python()])

    def said(code: str) -> str:
        return registry.run(ToolCall("python", {"code": code})).output.text

    assert said("x = 20\nprint('half')\nx + 1") == "half\n21"
    assert said("None") == "[the program printed nothing]"
    assert said("1 / 0").endswith("ZeroDivisionError: division by zero\n[exit code 1]")
    assert said("import os\nos.fork()").endswith("[the program was ended: processes]")
    assert said("def (").splitlines()[-1] == "[exit code 1]"
    assert said("print('\\x1b[2J')") == "[2J"
    value = registry.run(ToolCall("python", {"code": "1"})).output.value
    assert (value["exit_code"], value["limit"]) == (0, "")


@pytest.mark.usefixtures("walls")
def test_a_person_can_stop_a_program() -> None:
    """The processes are gone, not only forgotten."""
    stop = Stop()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    found = run_python("import time; time.sleep(600)", stop=stop)
    timer.join()
    assert found.exit_code == -9
    assert found.seconds < 60


def test_switched_off_it_says_so_and_the_calculator_still_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without bubblewrap, or without the wish, only this one tool is missing."""
    registry = ToolRegistry([Python(wanted=False), Calculator()])
    assert "switched off" in registry.run(ToolCall("python", {"code": "1"})).error
    monkeypatch.setattr(python_sandbox.shutil, "which", lambda name: None)
    python_sandbox.why_unavailable.cache_clear()
    try:
        registry = ToolRegistry([Python(), Calculator()])
        refused = registry.run(ToolCall("python", {"code": "1"}))
        assert (refused.failure, "apt-get install bubblewrap" in refused.error) == (
            "unavailable",
            True,
        )
        result = registry.run(ToolCall("calculator", {"expression": "6 * 7"}))
        assert result.output.text == "42"
    finally:
        python_sandbox.why_unavailable.cache_clear()
