"""The installed program in a real terminal: tmux types, and reads what a person would see."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds for a screen that is bound to come; only a failing test takes them

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A tmux session of its own server, 100 columns by 30 lines."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]

    def run(self, *args: str) -> str:
        """Run a tmux command and return what it prints."""
        done = subprocess.run([*self._tmux, *args], capture_output=True, text=True, check=True)
        return done.stdout

    def start(self, command: str) -> None:
        """Start `command`; the screen stays when it has ended."""
        self.run("new-session", "-d", "-x", "100", "-y", "30", "-s", "t", command)

    def type(self, *keys: str) -> None:
        """Press keys by their tmux names; other text is typed as it is."""
        self.run("send-keys", "-t", "t", *keys)

    def screen(self) -> str:
        """Return the visible text."""
        return self.run("capture-pane", "-p", "-t", "t")

    def wait_for(self, text: str) -> str:
        """Return the screen once it shows `text`."""
        end = time.monotonic() + PATIENCE
        while text not in (screen := self.screen()):
            assert time.monotonic() < end, f"{text!r} did not come up:\n{screen}"
            time.sleep(0.1)
        return screen


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A fresh terminal, whose server ends with the test."""
    opened = Terminal(tmp_path / "tmux")
    yield opened
    subprocess.run([*opened._tmux, "kill-server"], capture_output=True, check=False)


def program(home: Path) -> str:
    """Return the shell line that runs the program on `home` and then says its exit code."""
    python = shlex.quote(sys.executable)
    return (
        f"cd {shlex.quote(str(ROOT))} && CHATAPP_HOME={shlex.quote(str(home))} TERM=xterm-256color "
        f"{python} -m chatapp; echo ended with $?; sleep 600"
    )


def test_a_question_about_the_app_is_answered_with_a_citation(
    terminal: Terminal, chatapp_home: Path
) -> None:
    """A new user opens the chat, asks where conversations are, and gets a quote marked [1]."""
    terminal.start(program(chatapp_home))
    terminal.wait_for("Ask a question")
    terminal.type("Where are my conversations stored?", "Enter")
    screen = terminal.wait_for("[1]")
    assert "chatapp.sqlite3" in screen
    terminal.type("C-q")
    terminal.wait_for("ended with 0")
    assert (chatapp_home / "chatapp.sqlite3").is_file()


def test_the_chat_leaves_the_terminal_as_it_was(terminal: Terminal, chatapp_home: Path) -> None:
    """Ctrl+C twice leaves; what stood on the screen before stands there again."""
    terminal.start(f"echo before; {program(chatapp_home)}")
    terminal.wait_for("Ask a question")
    terminal.type("C-c", "C-c")
    screen = terminal.wait_for("ended with 0")
    assert "before" in screen
    assert "Ask a question" not in screen
