"""`@file` in the input: which files are meant, and how a path in the making goes on.

A path with spaces stands in quotation marks: `@"my notes.md"`. An `@` inside a word, as in an
e-mail address, means nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from chatapp import paths

MOST_CHOICES = 50

_MENTION = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|([^\s"]+))')
_ENDS_A_SENTENCE = ".,;:!?)"
_CODE = frozenset("()[]{}<>='`;|@")
"""In a word with an @ these make it a decorator or other code, such as the version of a package,
not the name of a missing file."""

_IN_THE_MAKING = re.compile(r'(?<!\S)@(?:"([^"\n]*)|([^\s"]*))$')

Choice = tuple[str, str]
"""What is typed instead, and what it is."""


def mentioned_files(text: str, quoted: Collection[str] = ()) -> tuple[str, list[Path]]:
    """Return `text` as it is sent, and the files that it names with an @, in order.

    Within a sentence a file keeps its name there; before or after all other words it is left out,
    for it is no part of the question. What looks like a path but is not there counts as well, so
    that a slip of the finger is told; other words with an @, such as a name, stay as they are, and
    so do those of `quoted` (see `words_with_at`): somebody else wrote them.
    """
    files: list[Path] = []

    def named(match: re.Match[str]) -> str:
        if _word(match) in quoted:
            return match[0]
        path, after = _path_and_rest(match[1], match[2])
        file = paths.expanded(path)
        if not (os.path.lexists(file) or _reads_like_a_path(path)):
            return match[0]
        if file not in files:
            files.append(file)
        outside = not text[: match.start()].strip() or not text[match.end() :].strip()
        return after if outside else file.name + after

    sent = _MENTION.sub(named, text).strip()
    return sent or ", ".join(file.name for file in files), files


def words_with_at(text: str) -> set[str]:
    """Return what follows each @ of a text, as `mentioned_files` is told what is only quoted."""
    return {_word(match) for match in _MENTION.finditer(text)}


def _word(match: re.Match[str]) -> str:
    return match[1] or match[2].rstrip(_ENDS_A_SENTENCE)


def _reads_like_a_path(name: str) -> bool:
    """Say whether a name that is not there was meant as a file: `@angular/core` was not."""
    if _CODE & set(name):
        return False
    last = name.rpartition("/")[2]
    return name.startswith(("/", "~", "./", "../")) or (
        ("/" in name or " " in name) and "." in last[1:]
    )


def _path_and_rest(quoted: str | None, bare: str) -> tuple[str, str]:
    """Split off the punctuation that a path without quotation marks cannot be told from."""
    if quoted is not None:
        return quoted, ""
    path = bare.rstrip(_ENDS_A_SENTENCE)
    return (bare, "") if os.path.lexists(paths.expanded(bare)) else (path, bare[len(path) :])


def path_in_the_making(before_cursor: str) -> tuple[int, str] | None:
    """Return where the `@` stands and the path typed after it so far, if the cursor is in one."""
    match = _IN_THE_MAKING.search(before_cursor)
    if match is None:
        return None
    return match.start(), match[1] if match[1] is not None else match[2]


def path_choices(typed: str) -> list[Choice]:
    """Return the files and folders that `typed` may go on to, folders first. Blocking."""
    folder, _, start = typed.rpartition("/")
    base = paths.expanded(f"{folder}/" if "/" in typed else ".")
    try:
        with os.scandir(base) as entries:
            found = [entry for entry in entries if _fits(entry.name, start)]
    except OSError:
        return []
    known = [(not _is_folder(entry), entry.name.lower(), entry) for entry in found]
    known.sort(key=lambda item: item[:2])
    prefix = f"{folder}/" if "/" in typed else ""
    return [_choice(prefix, entry) for *_, entry in known[:MOST_CHOICES]]


def _fits(name: str, start: str) -> bool:
    hidden = name.startswith(".") and not start.startswith(".")
    drawable = name.isprintable() and '"' not in name
    return drawable and not hidden and name.lower().startswith(start.lower())


def _choice(prefix: str, entry: os.DirEntry[str]) -> Choice:
    folder = _is_folder(entry)
    path = f"{prefix}{entry.name}{'/' if folder else ''}"
    if " " in path:
        path = f'"{path}' if folder else f'"{path}"'
    return f"@{path}", "folder" if folder else _size(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _size(entry: os.DirEntry[str]) -> str:
    try:
        size = float(entry.stat().st_size)
    except OSError:
        return ""
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
