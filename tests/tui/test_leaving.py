"""The app ends in order when the system says so or its terminal goes away, also when idle."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60.0


class App:
    """`chatapp` as the session leader of a pseudo-terminal of its own."""

    def __init__(self) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "chatapp"])

    def paint(self) -> None:
        """Wait until the app has drawn and says what it is doing."""
        seen = b""
        while b"Conversations" not in seen and b"Message" not in seen:
            seen += os.read(self.terminal, 65536)

    def exit_code(self) -> int:
        """Wait for the end of the process and return its exit code."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            self._drain()
            time.sleep(0.05)
        raise AssertionError("the app is still running")

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        os.close(self.terminal)
        self.terminal = -1

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.terminal >= 0:
            self.hang_up()

    def _drain(self) -> None:
        """Read what the app draws: one that nobody reads would wait for its terminal."""
        if self.terminal < 0:
            return
        os.set_blocking(self.terminal, False)
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            return


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    app.paint()
    yield app
    app.close()


def test_a_closed_terminal_ends_the_app(app: App) -> None:
    app.hang_up()
    assert app.exit_code() == 129


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_an_idle_app(app: App, number: int, code: int) -> None:
    os.kill(app.pid, number)
    assert app.exit_code() == code
