"""Opens what lies inside an allowed folder, and nothing else, whatever the path says.

The thing to know: a path is resolved first (`..` and links followed), and must then lie inside a
folder; it is opened part by part from that folder's own descriptor without following a link, so
that a link put there between the look and the opening is refused too. Hidden files are not read:
keys and passwords lie in them. Only regular files are opened, and never in a way that waits.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class FileRefused(ValueError):
    """The file may not be opened, or is none; the message names it and says why."""


def folder_of(text: str) -> Path | None:
    """Return an allowed folder as it is on disk, `~` and links followed; None if there is none."""
    try:
        path = Path(text).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    return path if path.is_dir() else None


def open_file(asked: str, folders: tuple[Path, ...]) -> tuple[int, Path]:
    """Open a regular file for reading; return the descriptor and its true path.

    Args:
        asked: an absolute path, one with `~`, or one relative to an allowed folder.
        folders: resolved folders, see `folder_of`.

    Raises:
        FileRefused: it is outside, hidden, missing, or no regular file.
    """
    folder, inner = _inside(asked, folders)
    descriptor = _open(asked, folder, inner, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileRefused(f"{asked} is no regular file.")
    return descriptor, folder / inner


def open_folder(asked: str, folders: tuple[Path, ...]) -> tuple[int, Path]:
    """Open a folder to list it; return the descriptor and its true path.

    Raises:
        FileRefused: it is outside, hidden, missing, or no folder.
    """
    folder, inner = _inside(asked, folders)
    return _open(asked, folder, inner, os.O_RDONLY | os.O_DIRECTORY), folder / inner


def _inside(asked: str, folders: tuple[Path, ...]) -> tuple[Path, Path]:
    """Return the allowed folder that holds the resolved path, and the path from there."""
    outside = FileRefused(
        f"{asked} is outside the allowed folders: {', '.join(map(str, folders))}."
    )
    for path in _candidates(asked, folders):
        for folder in folders:
            if path.is_relative_to(folder):
                inner = path.relative_to(folder)
                if any(part.startswith(".") for part in inner.parts):
                    raise FileRefused(f"{asked} is hidden; hidden files are not read.")
                return folder, inner
    raise outside


def _candidates(asked: str, folders: tuple[Path, ...]) -> list[Path]:
    """Return the resolved paths that may be meant; an existing one first."""
    try:
        path = Path(asked).expanduser()
        paths = [path] if path.is_absolute() else [folder / path for folder in folders]
        resolved = [path.resolve() for path in paths]
        return sorted(resolved, key=lambda each: not os.path.lexists(each))
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL byte
        raise FileRefused(f"{asked!r} is no path of a file.") from error


def _open(asked: str, folder: Path, inner: Path, flags: int) -> int:
    """Open `inner` below `folder`, each part from the descriptor of the one before."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        for n, part in enumerate(inner.parts, 1):
            last = n == len(inner.parts)
            step = flags if last else os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
            try:
                deeper = os.open(part, step, dir_fd=at)
            finally:
                os.close(at)
            at = deeper
        return at
    except OSError as error:
        raise FileRefused(f"{asked} {_why(error)}.") from error


def _why(error: OSError) -> str:
    reasons = {
        errno.ENOENT: "is not there",
        errno.EACCES: "may not be read by this user",
        errno.ENOTDIR: "is no folder",
        errno.ELOOP: "became a link while it was opened",
        errno.ENXIO: "is no regular file",
    }
    return reasons.get(error.errno or 0, f"cannot be opened: {error.strerror}")
