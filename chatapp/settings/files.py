"""Reading one settings file: dotted keys with their values, and the line where each stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chatapp.settings.keys import SettingsError

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


class Entry(NamedTuple):
    """One value of a file; `where` names file and line for a person."""

    parts: tuple[str, ...]
    value: object
    where: str


def read_file(path: Path, sections: Collection[str]) -> Iterator[Entry]:
    """Yield what a settings file sets; a missing file sets nothing.

    Args:
        path: the file.
        sections: dotted names of tables that are looked into, `*` for any name; any other table
            is a value.

    Raises:
        SettingsError: it cannot be read, or is no TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path} is not valid TOML: {error}", hint=f"correct {path} or move it away."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"cannot read {path}: {error}", hint=f"make {path} readable UTF-8 text."
        ) from error
    for parts, value in _flatten(table, sections):
        line = line_of(text, parts)
        yield Entry(parts, value, f"{path}, line {line}" if line else str(path))


def _flatten(
    table: Mapping[str, Any], sections: Collection[str], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in table.items():
        parts = (*above, name)
        inside = {".".join(parts), ".".join((*above, "*"))}
        if isinstance(value, dict) and inside & set(sections):
            yield from _flatten(value, sections, parts)
        else:
            yield parts, value


def line_of(text: str, parts: tuple[str, ...]) -> int:
    """Return the line (from 1) that sets this key or begins its table; 0 where none is found.

    It looks at lines, not at TOML: a line inside a long text can mislead it, which costs a person
    a glance.
    """
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            table = found = _split(header[1])
            if found[: len(parts)] == parts:
                return number
        key = _KEY.match(line)
        if key and not header:
            found = (*table, *_split(key[1]))
            if parts[: len(found)] == found:
                return number
    return 0


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
