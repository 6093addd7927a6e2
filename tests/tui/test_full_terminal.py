"""What is drawn reaches a terminal that another program left in non-blocking mode."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty

import pytest

from chatapp.tui.terminal import Terminal

LENGTH = 200_000


def test_a_full_terminal_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it takes no more for now does not mean that its window was closed."""
    hung_up: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: hung_up.append(number))
    reading, writing = pty.openpty()
    tty.setraw(writing)
    os.set_blocking(writing, False)
    terminal = Terminal(writing)
    thread = threading.Thread(target=terminal.write, args=("x" * LENGTH,))
    thread.start()
    time.sleep(0.2)  # it is full long before
    read = 0
    while read < LENGTH and not hung_up:
        read += len(os.read(reading, 65_536))
    thread.join()
    terminal.close()
    os.close(reading)
    assert (read, hung_up) == (LENGTH, [])
