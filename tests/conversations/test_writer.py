"""What SQLite and the operating system say, in words that name the fix."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from chatapp.conversations.writer import explain


def sqlite_error(code: int) -> sqlite3.Error:
    """Return an error as SQLite raises it."""
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), "locked by another", "wait"),
        (sqlite_error(sqlite3.SQLITE_FULL), "no space left", "Free some"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left", "Free some"),
        (sqlite_error(sqlite3.SQLITE_READONLY_DIRECTORY), "cannot be written", "CHATAPP_HOME"),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN_ISDIR), "cannot be written", "CHATAPP_HOME"),
        (PermissionError(errno.EACCES, "no", "/full/locked"), "cannot be written", "CHATAPP_HOME"),
        (sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE), "disk failed", "full"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), "could not be used", "doctor"),
        (sqlite3.ProgrammingError("closed"), "could not be used", "doctor"),
    ],
)
def test_each_failure_names_its_fix(error, said, hint):
    explained = explain(error, "chat.sqlite3")
    assert said in explained.message
    assert "chat.sqlite3" in explained.message
    assert hint in explained.hint
