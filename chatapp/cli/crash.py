"""An error nobody expected: the traceback goes to a log file, one line goes to the person."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from chatapp import paths
from chatapp.cli.errors import CliError
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
    """Append `text` to the log; fall back to the temporary directory, then to nothing."""
    for path in (paths.log_path(), Path(tempfile.gettempdir()) / "chatapp.log"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as log:
                log.write(text)
        except OSError:
            continue
        return path
    return None
