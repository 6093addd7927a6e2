"""Directories and files of one person: what the app makes can be read by nobody else.

The thing to know: only what is made here gets its mode here. What is there already keeps its own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing. Raises OSError."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file unless there is one; what SQLite writes beside it gets its mode too.

    Raises:
        OSError: it cannot be made.
    """
    # A file that is there is not opened: closing it again would drop SQLite's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def make_place(path: Path) -> None:
    """Make the file and its directory, for a room that knows nothing of this one.

    Where that fails nothing is said: whoever opens the file says what is wrong.
    """
    with suppress(OSError):
        make_directory(path.parent)
        make_file(path)


def make_stand_in(path: Path, target: Path) -> None:
    """Make `path`, which is to take the place of `target`, empty and with the mode of that file.

    Where there is no such file it is an ordinary new one. Raises OSError.
    """
    path.unlink(missing_ok=True)
    if not target.exists():
        path.touch()
        return
    make_file(path)
    path.chmod(target.stat().st_mode & 0o777)
