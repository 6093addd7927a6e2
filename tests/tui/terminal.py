"""A real terminal for tests: a tmux session that runs one program, seen through its screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60.0

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """Runs `python ARGUMENTS` in a terminal of `columns` by `rows`; `close()` ends it."""

    def __init__(
        self, arguments: Sequence[str], home: Path, *, columns: int = 100, rows: int = 30
    ) -> None:
        self._socket = f"chatapp-{uuid.uuid4().hex[:8]}"
        self._arguments = arguments
        self._home = home
        self._code = home.parent / f"exit-code-{self._socket}"
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh"
        )
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        self.start()

    def start(self) -> None:
        """Start the program again, in a fresh screen."""
        self._code.unlink(missing_ok=True)
        env = [f"CHATAPP_HOME={self._home}", "OMP_NUM_THREADS=1", f"PYTHONPATH={ROOT}"]
        program = ["env", *env, sys.executable, *self._arguments]
        # The shell notes the exit code: tmux sometimes sees the end of a program without its code.
        shell = ["sh", "-c", 'code=$1; shift; "$@"; echo $? > "$code"', "sh", str(self._code)]
        self._tmux("respawn-pane", "-k", "-c", str(ROOT), *shell, *program)

    def type(self, text: str) -> None:
        """Type characters as they are."""
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names, such as `Enter` and `C-c`."""
        self._tmux("send-keys", *keys)

    def paste(self, text: str) -> None:
        """Paste `text` as a terminal does that marks its pastes."""
        command = ["tmux", "-L", self._socket, "load-buffer", "-"]
        subprocess.run(command, check=True, input=text, text=True)
        self._tmux("paste-buffer", "-p", "-r")

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """Return what is on the screen."""
        return self._tmux("capture-pane", "-p")

    def colours(self) -> str:
        """Return what is on the screen with its escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def pid(self) -> int:
        """Return the process id of the program."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        found = subprocess.run(["pgrep", "-P", shell], check=True, capture_output=True, text=True)
        return int(found.stdout)

    def exit_code(self) -> int | None:
        """Return the program's exit code (128 + n after signal n), None while it runs."""
        try:
            return int(self._code.read_text() or -1)
        except FileNotFoundError:
            return None

    def kill(self, number: int) -> None:
        os.kill(self.pid(), number)

    def shows(self, *texts: str) -> str:
        """Wait until all `texts` are on the screen and return it."""
        self.until(lambda: all(text in self.screen() for text in texts), f"{texts} on the screen")
        return self.screen()

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait, by looking again and again, until `true()` is true."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError(f"never happened: {what}\n{self.screen()}")
            time.sleep(0.05)

    def close(self) -> None:
        subprocess.run(
            ["tmux", "-L", self._socket, "kill-server"], check=False, capture_output=True
        )

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
