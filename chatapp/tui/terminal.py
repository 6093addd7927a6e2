"""Keeps the screen whole: while the app runs, only Textual writes to the terminal.

Libraries print to file descriptors 1 and 2 (warnings, progress bars, C++ logs). One such line would
corrupt the screen, so both descriptors point to the log file while the app runs, and the driver
here holds a duplicate of the terminal's descriptor for itself.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from chatapp.private import make_directory
from chatapp.tui.web import in_browser, web_driver


@contextmanager
def quiet_terminal(log: Path) -> Iterator[type[Driver]]:
    """Send descriptors 1 and 2 to `log` and yield the driver that still draws on the terminal.

    In a browser window it is a pipe to textual-serve that is drawn on.

    Descriptor 1 is the terminal (the command line has checked it). What is written to a log that
    cannot be opened, in a read-only home, is dropped.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    terminal = Terminal(os.dup(1))
    log_fd = _open_log(log)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(log_fd)
    _log_to_stderr()
    try:
        yield web_driver(terminal.fileno()) if in_browser() else _driver_on(terminal)
    finally:
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        terminal.close()


def _open_log(log: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        make_directory(log.parent)
        return os.open(log, flags, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _log_to_stderr() -> None:
    """Log to descriptor 2 itself: Textual replaces `sys.stderr` while it runs."""
    logging.basicConfig(
        stream=sys.__stderr__,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.captureWarnings(True)


class Terminal:
    """The text file that the driver writes to; it outlives the terminal behind it.

    When the terminal is gone (its window was closed), Textual's writer thread would die of the
    failed write and the app would wait for it for ever. Writes go nowhere instead, and the app
    gets the SIGHUP that a closed terminal means.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, text: str) -> None:
        """Write all of `text`, as UTF-8."""
        data = memoryview(text.encode("utf-8", errors="replace"))
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # another program left the terminal so, and it is full
                select.select([], [self._fd], [])
            except OSError:
                self._hang_up()

    def flush(self) -> None:
        """Do nothing: every write goes straight to the terminal."""

    def fileno(self) -> int:
        """Return the terminal's descriptor."""
        return self._fd

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)

    def _hang_up(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._fd)
        os.close(nowhere)
        os.kill(os.getpid(), signal.SIGHUP)


def _driver_on(terminal: Terminal) -> type[LinuxDriver]:
    """Return a driver class that writes to `terminal` instead of `sys.__stderr__`."""

    class TerminalDriver(LinuxDriver):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[arg-type]
            self._file = terminal  # type: ignore[assignment]  # what the driver uses of a file

        def _sigtstp_application(self, *args: object) -> None:
            """Leave the screen, then stop with all that run between the shell and this process.

            Textual stops this process alone: the shell behind `make chat` would never learn of it.
            The screen is left first: a process in the background may not touch the terminal.
            """
            if self._auto_restart:
                self.suspend_application_mode()
                self._must_signal_resume = True
            os.killpg(0, signal.SIGSTOP)

        def _sigcont_application(self, *args: object) -> None:
            """Start again only after a suspension.

            A lost terminal sends SIGCONT as well (after SIGHUP), and a second start of the input
            would keep the app from ever ending.
            """
            if self._must_signal_resume:
                super()._sigcont_application(*args)

        def _get_terminal_size(self) -> tuple[int, int]:
            try:
                size = os.get_terminal_size(terminal.fileno())
            except (OSError, ValueError):
                return super()._get_terminal_size()
            return size.columns or 80, size.lines or 24

    return TerminalDriver
