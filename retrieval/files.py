"""Which files an `add` reads: what a person named, and what lies below the folders they named.

The thing to know: only regular files are opened. A pipe would block for ever, a device never ends,
and either may stand where a person typed a path or in a folder they gave.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from retrieval.errors import LoadError, unreadable
from retrieval.loaders import is_loadable
from retrieval.text import sanitize_text
from retrieval.types import IngestProblem


def find_files(paths: Sequence[Path], problems: list[IngestProblem]) -> dict[Path, int]:
    """Return the absolute files at and below `paths` with their sizes, each once, in order.

    What cannot be reached is appended to `problems`.
    """
    found: dict[Path, int] = {}
    for path in paths:
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                found.update(_below(path.resolve(), problems))
            elif stat.S_ISREG(status.st_mode):
                found[path.resolve()] = status.st_size
            else:
                problems.append(problem(path, _IRREGULAR))
        except OSError as error:
            problems.append(problem(path, unreadable(error)))
    return found


def problem(path: Path | str, error: LoadError) -> IngestProblem:
    """Return what went wrong with `path`, fit to be shown and stored."""
    return IngestProblem(sanitize_text(str(path)), sanitize_text(error.message), error.hint)


def has_name_in_unicode(path: Path) -> bool:
    """Whether the name can be stored: file names are bytes, and need not be UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


_IRREGULAR = LoadError("this is a pipe, socket or device, not a file", "save its content to a file")


def _below(folder: Path, problems: list[IngestProblem]) -> Iterator[tuple[Path, int]]:
    """Yield the loadable files below `folder`, hidden ones and links to folders left out."""

    def denied(error: OSError) -> None:
        problems.append(problem(str(error.filename), unreadable(error)))

    for parent, names, files in os.walk(folder, onerror=denied):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            file = Path(parent, name)
            if name.startswith(".") or not is_loadable(file):
                continue
            try:
                status = file.stat()
            except OSError as error:  # a link to nowhere, or gone since its folder was listed
                problems.append(problem(file, unreadable(error)))
                continue
            if stat.S_ISREG(status.st_mode):
                yield file, status.st_size
