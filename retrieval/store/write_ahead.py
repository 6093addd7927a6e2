"""Switch a SQLite file to a write-ahead log, also while others open it for the first time.

The thing to know: SQLite's busy timeout does not hold for the switch. Where two processes open a
new file, one of them is refused at once, and has to ask again.
"""

from __future__ import annotations

import sqlite3
import time

from sqlite_utils import Database

_PAUSE_SECONDS = 0.01


def write_ahead(database: Database, busy_seconds: float) -> None:
    """Switch to a write-ahead log; wait for others up to `busy_seconds`.

    Raises:
        sqlite3.OperationalError: still busy by then, or the file cannot be written.
    """
    until = time.monotonic() + busy_seconds
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
