"""Which files an `add` reads: what a person named, and what lies below the folders they named.

The thing to know: only regular files are opened. A pipe would block for ever, a device never ends,
and either may stand where a person typed a path or in a folder they gave. A path that does not
exist and holds `*`, `?` or `[` is a glob; `**` crosses folders.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from retrieval.errors import LoadError, is_gone, unreadable
from retrieval.loaders import is_loadable
from retrieval.text import sanitize_text
from retrieval.types import IngestProblem


@dataclass
class Found:
    """What the paths of an `add` stand for.

    `files` are absolute, with their sizes, each once, in order; `places` are where files may have
    vanished; `patterns` are the parts of the globs of paths that belong to the `add`.
    """

    files: dict[Path, int] = field(default_factory=dict)
    places: list[Path] = field(default_factory=list)
    patterns: list[tuple[str, ...]] = field(default_factory=list)

    def would_hold(self, path: str) -> bool:
        """Whether a file of this path, if it were there, would be one of `files`."""
        parts = Path(path).parts
        return any(_fits(parts, pattern) for pattern in self.patterns)


def find_files(paths: Sequence[Path], problems: list[IngestProblem]) -> Found:
    """Return the files at and below `paths`. What cannot be reached is appended to `problems`."""
    found = Found()
    for path in paths:
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                folder = path.resolve()
                found.files.update(_below(folder, problems, is_loadable))
                found.places.append(folder)
                found.patterns.append((*map(glob.escape, folder.parts), "**"))
            elif stat.S_ISREG(status.st_mode):
                found.files[path.resolve()] = status.st_size
            else:
                problems.append(problem(path, _IRREGULAR))
        except OSError as error:
            gone = Path(os.path.realpath(path))
            # Only the file of this name is forgotten, and only where its folder is still there: a
            # folder may be on a drive that is away.
            if is_gone(error) and os.path.isdir(gone.parent):  # noqa: PTH112 - never raises
                found.places.append(gone)
                found.patterns.append((*map(glob.escape, gone.parts),))
            if not _matches(path, found, problems):
                problems.append(problem(path, unreadable(error)))
    return found


def has_vanished(path: str) -> bool:
    """Whether there is certainly no such file; one that is out of reach may still be there."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a stored path is a string
    except OSError as error:
        return is_gone(error)


def _matches(path: Path, found: Found, problems: list[IngestProblem]) -> bool:
    """Take `path` as a glob; False when it is none. What matches is tried, whatever its kind."""
    pattern = os.path.abspath(path)  # noqa: PTH100 - the parts after a `*` cannot be resolved
    if not glob.has_magic(pattern):
        return False
    fixed = Path(*_until_magic(Path(pattern)))
    folder = Path(os.path.realpath(fixed))  # `resolve` raises where a link leads back to itself
    rest = Path(pattern).relative_to(fixed)
    chosen = (*map(glob.escape, folder.parts), *rest.parts)
    files = dict(_below(folder, problems, lambda file: _fits(file.parts, chosen)))
    if not files:
        error = LoadError("no file matches", "`*` stays in its folder, `**` crosses folders")
        problems.append(problem(path, error))
    found.files.update(files)
    if folder.is_dir():  # else its drive may be away
        found.places.append(folder)
        found.patterns.append(chosen)
    return True


def _until_magic(path: Path) -> Iterator[str]:
    for part in path.parts:
        if glob.has_magic(part):
            return
        yield part


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


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


def _below(
    folder: Path, problems: list[IngestProblem], wanted: Callable[[Path], bool]
) -> Iterator[tuple[Path, int]]:
    """Yield the wanted files below `folder`, hidden ones and links to folders left out."""

    def denied(error: OSError) -> None:
        problems.append(problem(str(error.filename), unreadable(error)))

    for parent, names, files in os.walk(folder, onerror=denied):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            file = Path(parent, name)
            if name.startswith(".") or not wanted(file):
                continue
            try:
                status = file.stat()
            except OSError as error:  # a link to nowhere, or gone since its folder was listed
                problems.append(problem(file, unreadable(error)))
                continue
            if stat.S_ISREG(status.st_mode):
                yield file, status.st_size
