"""The daily backup, made in the background of a running window and dropped when that closes.

Neither opening nor closing waits for it, and it yields the processor: a search beside the copy of a
large file took twice as long as alone.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import threading
from pathlib import Path

from chatapp.conversations.backups import back_up
from chatapp.conversations.types import StorageError

# The first paint comes first; a command that is done by then leaves it to the next.
START_SECONDS = 0.5
_NICEST = 19  # the thread runs where nobody else wants the core


class Upkeep:
    """The backup thread of one open store. A failure is silent here: doctor and tomorrow tell."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stopped = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="chatapp-backup", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Interrupt a copy that is being made, and wait for the thread to end."""
        self._stopped.set()
        while self._thread.is_alive():
            if self._connection is not None:
                with contextlib.suppress(sqlite3.ProgrammingError):  # it has just been closed
                    self._connection.interrupt()
            self._thread.join(timeout=0.01)

    def _run(self) -> None:
        if not self._stopped.wait(START_SECONDS):
            _yield_to_others()
            with contextlib.suppress(StorageError):
                back_up(self._path, busy_seconds=0, started=self._begin)

    def _begin(self, connection: sqlite3.Connection) -> None:
        self._connection = connection


def _yield_to_others() -> None:
    """Lower the priority of this thread; Linux alone has one for each thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICEST)
