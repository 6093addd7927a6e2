"""An error nobody expected: the traceback goes to a log file, one line goes to the person."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from chatapp import paths
from chatapp.cli.errors import CliError
from chatapp.private import make_directory, make_file
from chatapp.version import __version__


def unexpected(error: BaseException) -> CliError:
    """Write the traceback of `error` to the log and return what to show instead of it."""
    summary = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    log = _append(_entry(error))
    hint = (
        f"the details are in {log}; please report them with what you did."
        if log
        else "no log file could be written; check that the disk is not full or read-only."
    )
    return CliError(f"something went wrong inside chatapp ({summary})", hint=hint)


def _entry(error: BaseException) -> str:
    """Return the log entry: when, which release, which command, the traceback.

    Only the command's first word is kept: the rest may be a private question.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    command = sys.argv[1] if len(sys.argv) > 1 else "(chat)"
    head = f"{now} chatapp {__version__} python {platform.python_version()} command {command}"
    return head + "\n" + "".join(traceback.format_exception(error)) + "\n"


def _append(text: str) -> Path | None:
    """Append `text` to the log; fall back to a temporary file of its own, then to nothing."""
    for place in (_own_log, _temporary_log):
        try:
            path = place()
            with path.open("a", encoding="utf-8") as log:
                log.write(text)
        except (OSError, ImportError):  # a bare training machine does not know the app's place
            continue
        return path
    return None


def _own_log() -> Path:
    path = paths.log_path()
    make_directory(path.parent)
    make_file(path)
    return path


def _temporary_log() -> Path:
    # A name that can be guessed could be a link that somebody else has laid there.
    descriptor, name = tempfile.mkstemp(prefix=f"{paths.APP_NAME}-", suffix=".log")
    os.close(descriptor)
    return Path(name)
