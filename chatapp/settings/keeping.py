"""Writing one value into a person's settings file, with everything else left as it stands there.

The thing to know: lines are edited, not TOML, so comments and order stay. What came out is then
read back; where anything but the one value differs, nothing is written.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from chatapp.private import make_directory
from chatapp.settings.files import line_of
from chatapp.settings.keys import SettingsError


def keep_setting(path: Path, section: str, name: str, value: str) -> None:
    """Set `[section] name = "value"` in the file at `path`, which is made if it is missing.

    Raises:
        SettingsError: the file cannot be read, changed in this way, or written; it is as it was.
    """
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = _edited(old, section, name, value)
        if new != old:
            _replace(path, new)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, _NotEditable) as error:
        raise SettingsError(
            f"{path} could not be changed: {error}",
            hint=f"write {name} = {json.dumps(value)} below [{section}] there.",
        ) from error


class _NotEditable(ValueError):
    """The value stands in a form that no line holds by itself."""


def _edited(old: str, section: str, name: str, value: str) -> str:
    before = tomllib.loads(old)
    if before.get(section, {}).get(name) == value:
        return old
    lines = old.splitlines()
    line = f"{name} = {json.dumps(value)}"
    own, table = line_of(old, (section, name)), _header(lines, section)
    if name in before.get(section, {}):
        dotted = lines[own - 1].lstrip().startswith(section)
        lines[own - 1] = f"{section}.{line}" if dotted else line
    elif table:
        lines.insert(table, line)
    else:
        lines += [""] * bool(lines) + [f"[{section}]", line]
    new = "\n".join(lines) + "\n"
    wanted: dict[str, Any] = {**before, section: {**before.get(section, {}), name: value}}
    if tomllib.loads(new) != wanted:
        raise _NotEditable("its form is not known here")
    return new


def _header(lines: list[str], section: str) -> int:
    """Return how many lines end with the header of this table, 0 where it has none."""
    found = (n for n, line in enumerate(lines, 1) if line.split("#")[0].strip() == f"[{section}]")
    return next(found, 0)


def _replace(path: Path, text: str) -> None:
    """Write the whole file, so that a crash leaves the old one or the new one."""
    make_directory(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if path.exists():
            made.chmod(path.stat().st_mode & 0o777)
        made.replace(path.resolve())  # a link to the file stays one
    except OSError:
        made.unlink()
        raise
