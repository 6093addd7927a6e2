"""The command line with fakes for model and index, in this process or in one of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from chatapp.cli.main import main
from tests.fakes import FakeGenerator, FakeIndex
from tests.headless.faked import install

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Chatapp = Callable[..., Done]
Spawn = Callable[..., subprocess.Popen[bytes]]


class _Stdin(io.TextIOWrapper):
    """Stdin that says whether it is a terminal, and notes whether it was read."""

    def __init__(self, content: bytes, terminal: bool) -> None:
        super().__init__(io.BytesIO(content), "utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator("Hello there, you.")


@pytest.fixture
def chatapp(
    generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chatapp:
    """Return a function that runs one command line in this process."""
    install(monkeypatch.setattr, generator, FakeIndex())

    def run(*arguments: str, stdin: str | bytes = b"", terminal: bool = False) -> Done:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", _Stdin(raw, terminal))
        code = main(list(arguments))
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def spawn(chatapp_home: Path) -> Spawn:
    """Return a function that starts one command line in a process of its own."""

    def start(*arguments: str, delay: float = 0.01, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.headless.child", str(delay), *arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # Unbuffered, so that nothing read ahead is lost to `communicate`.
        return subprocess.Popen(command, cwd=ROOT, bufsize=0, **(pipes | options))

    return start
