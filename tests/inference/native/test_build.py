"""Building the runtime: once, safely side by side, and with a reason where it cannot be."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatapp.cli.doctor.machine import runtime
from chatapp.inference.native import NativeUnavailable, build, native_decoder
from tests.inference.conformance import tiny_model


def fake_compiler(directory: Path, script: str) -> Path:
    """A program that stands for the C++ compiler."""
    path = directory / "fake-c++"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


# Writes its last argument, the output, and counts its calls.
_COUNTING = 'for out; do :; done; echo built > "$out"; echo x >> {log}\n'


def test_it_is_built_once_and_then_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "calls"
    monkeypatch.setenv("CXX", str(fake_compiler(tmp_path, _COUNTING.format(log=log))))
    first = build.library_path()
    calls = log.read_text()
    assert build.library_path() == first
    assert log.read_text() == calls
    assert first.parent == Path(os.environ["CHATAPP_HOME"]) / "native"
    assert [path.name for path in first.parent.iterdir()] == [first.name]  # nothing left behind


def test_nobody_waits_for_the_first_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said to be missing at once, and a process of its own builds it for the next start."""
    monkeypatch.setenv("CXX", str(fake_compiler(tmp_path, _COUNTING.format(log=tmp_path / "log"))))
    with pytest.raises(NativeUnavailable, match="background"):
        build.require_built()
    assert build._builders.pop().wait(120) == 0
    assert build.planned_path().is_file()
    build.require_built()


def test_another_compiler_builds_another_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = fake_compiler(tmp_path, _COUNTING.format(log=tmp_path / "calls"))
    monkeypatch.setenv("CXX", str(compiler))
    first = build.library_path()
    fake_compiler(tmp_path, "# a new version\n" + _COUNTING.format(log=tmp_path / "calls"))
    assert build.library_path() != first


def test_instructions_that_the_compiler_does_not_know_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old compiler still builds the rest; the linking names what was built."""
    log = tmp_path / "linked"
    script = (
        'case "$*" in *amx-int8*) echo "error: no amx" >&2; exit 1;; esac\n'
        'case "$*" in *-shared*) echo "$*" > ' + str(log) + ";; esac\n"
    )
    counting = _COUNTING.format(log=tmp_path / "calls")
    monkeypatch.setenv("CXX", str(fake_compiler(tmp_path, script + counting)))
    build.library_path()
    assert "V(generic)" in log.read_text()
    assert "V(amx)" not in log.read_text()


def test_no_compiler_is_a_reason_with_a_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(NativeUnavailable, match="no C") as caught:
        build.library_path()
    assert "g++" in caught.value.fix


def test_a_compiler_that_fails_is_quoted_and_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every start would wait for it; the fix names the file that remembers it."""
    log = tmp_path / "calls"
    script = f"echo x >> {log}; echo 'x.cpp:1: error: what is C++20' >&2; exit 1\n"
    monkeypatch.setenv("CXX", str(fake_compiler(tmp_path, script)))
    with pytest.raises(NativeUnavailable, match="what is C"):
        build.library_path()
    calls = log.read_text()
    with pytest.raises(NativeUnavailable, match="what is C") as caught:
        build.library_path()
    assert log.read_text() == calls
    (remembered,) = (Path(os.environ["CHATAPP_HOME"]) / "native").iterdir()
    assert str(remembered) in caught.value.fix


def test_several_may_build_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each works in a directory of its own, finds a whole library, and one remains."""
    compiler = fake_compiler(tmp_path, "sleep 0.1\n" + _COUNTING.format(log=tmp_path / "calls"))
    monkeypatch.setenv("CXX", str(compiler))
    with ThreadPoolExecutor(3) as pool:
        found = {job.result() for job in [pool.submit(build.library_path) for _ in range(3)]}
    assert len(found) == 1
    assert found.pop().read_text() == "built\n"


def test_the_setting_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATAPP_NATIVE", "false")
    with pytest.raises(NativeUnavailable, match="setting") as caught:
        native_decoder(tiny_model(("dense",)))
    assert "CHATAPP_NATIVE" in caught.value.fix


def test_doctor_says_what_serves_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not built yet, no compiler, and turned off are three different answers."""
    compiler = fake_compiler(tmp_path, _COUNTING.format(log=tmp_path / "calls"))
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.delenv("CHATAPP_NATIVE")
    waiting = runtime()
    assert (waiting.status, "next start" in waiting.detail) == ("ok", True)
    assert not (tmp_path / "calls").exists()
    monkeypatch.setenv("CXX", "no-such-compiler")
    missing = runtime()
    assert (missing.status, "PyTorch runs the model" in missing.detail) == ("warn", True)
    assert "apt-get install g++" in missing.fix
    monkeypatch.setenv("CHATAPP_NATIVE", "false")
    off = runtime()
    assert (off.status, "CHATAPP_NATIVE" in off.fix) == ("ok", True)


def test_a_compiler_that_was_killed_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that ran out once says nothing about the next time."""
    script = "echo 'fatal error: Killed signal terminated program cc1plus' >&2; exit 1"
    monkeypatch.setenv("CXX", str(fake_compiler(tmp_path, script)))
    with pytest.raises(NativeUnavailable, match="Killed"):
        build.library_path()
    assert list((Path(os.environ["CHATAPP_HOME"]) / "native").iterdir()) == []


def test_a_damaged_library_is_removed_so_that_it_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that does not load is a reason, never a traceback, and does not stay."""
    from chatapp.inference.native.library import load_library

    monkeypatch.setenv("CXX", str(fake_compiler(tmp_path, _COUNTING.format(log=tmp_path / "log"))))
    path = build.library_path()
    path.write_bytes(b"no library at all")
    load_library.cache_clear()
    with pytest.raises(NativeUnavailable, match="does not load and was removed"):
        load_library()
    assert not path.exists()
    load_library.cache_clear()
