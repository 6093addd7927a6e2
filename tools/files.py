"""The tools `list_files` and `read_file`: regular files below folders that the person allowed.

The thing to know: `tools.safe_open` decides what may be opened; this module only turns what was
opened into text. Files are read as text, PDF and HTML through the loaders of `retrieval`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.protocol import Json, ToolContext, ToolError, ToolOutput, Unavailable
from tools.safe_open import FileRefused, folder_of, open_file, open_folder

LARGEST_FILE = 20 << 20  # bytes
MOST_ENTRIES = 500
_LOADED = {".pdf", ".html", ".htm", ".xhtml"}  # the rest is shown as it stands
_NO_FOLDERS = Unavailable(
    "no folder is allowed", 'name the folders it may read: tools.folders = ["~/notes"].'
)


class ReadFile:
    """Reads one file as text, or some of its lines."""

    name = "read_file"
    description = "Read a text, Markdown, HTML or PDF file in a folder that the person allowed."
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "maxLength": 4096},
            "first_line": {"type": "integer", "minimum": 1},
            "lines": {"type": "integer", "minimum": 1, "maximum": 10_000},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    needs_approval = True

    def __init__(self, folders: tuple[Path, ...]) -> None:
        """Without folders the tool is off."""
        self._folders = folders

    def available(self) -> Unavailable | None:
        """It is where the person allowed a folder."""
        return None if self._folders else _NO_FOLDERS

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        asked = str(arguments["path"])
        content, path = _read(asked, self._folders)
        text = _text(content, path)
        lines = text.splitlines()
        first = arguments.get("first_line", 1)
        wanted = lines[first - 1 :][: arguments.get("lines", len(lines))]
        if not wanted and lines:
            raise ToolError(f"{asked} has {len(lines)} lines; there is no line {first}.")
        value = {
            "path": str(path),
            "bytes": len(content),
            "first_line": first,
            "lines": len(wanted),
            "of": len(lines),
        }
        return ToolOutput("\n".join(wanted) or "[the file is empty]", "file", value)


class ListFiles:
    """Lists the files and folders in one folder."""

    name = "list_files"
    description = "List the files in a folder that the person allowed; without a path, the folders."
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {"path": {"type": "string", "maxLength": 4096}},
        "additionalProperties": False,
    }
    needs_approval = True

    def __init__(self, folders: tuple[Path, ...]) -> None:
        """Without folders the tool is off."""
        self._folders = folders

    def available(self) -> Unavailable | None:
        """It is where the person allowed a folder."""
        return None if self._folders else _NO_FOLDERS

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        asked = str(arguments.get("path", ""))
        if not asked:
            names = [str(folder) for folder in self._folders]
            return ToolOutput("\n".join(names), "file", {"entries": names})
        try:
            descriptor, path = open_folder(asked, self._folders)
        except FileRefused as refused:
            raise ToolError(str(refused)) from None
        try:
            names = _entries(descriptor)
        finally:
            os.close(descriptor)
        shown = names[:MOST_ENTRIES]
        if len(names) > MOST_ENTRIES:
            shown.append(f"[{len(names) - MOST_ENTRIES} more]")
        value = {"path": str(path), "entries": names[:MOST_ENTRIES], "of": len(names)}
        return ToolOutput("\n".join(shown) or "[the folder is empty]", "file", value)


def _entries(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as found:
        return sorted(
            entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
            for entry in found
            if not entry.name.startswith(".")
        )


def _read(asked: str, folders: tuple[Path, ...]) -> tuple[bytes, Path]:
    try:
        descriptor, path = open_file(asked, folders)
    except FileRefused as refused:
        raise ToolError(str(refused)) from None
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LARGEST_FILE + 1)  # asked of the file itself: sizes of some lie
    if len(content) > LARGEST_FILE:
        raise ToolError(f"{asked} is larger than {LARGEST_FILE >> 20} MB.")
    return content, path


def _text(content: bytes, path: Path) -> str:
    if path.suffix.lower() in _LOADED:
        return _loaded(content, path)
    if b"\0" in content[:8192]:
        raise ToolError(f"{path} is no text file.")
    return content.decode("utf-8", "replace")


def _loaded(content: bytes, path: Path) -> str:
    """Return the text of a PDF or HTML file, and which pages are missing below it.

    A copy is loaded, for the path may change.
    """
    from retrieval.errors import LoadError
    from retrieval.loaders import BadRecord, load

    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / f"copy{path.suffix.lower()}"
        copy.write_bytes(content)
        try:
            parts = [
                f"({item.place}: {item.message})" if isinstance(item, BadRecord) else item.text
                for item in load(copy)
            ]
        except LoadError as error:
            raise ToolError(f"{path} cannot be read: {error.args[0]}") from error
    return "\n".join(parts)


def allowed(folders: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the allowed folders as they are on disk; those that are not there are left out."""
    return tuple(found for each in folders if (found := folder_of(each)) is not None)
