"""The text of a recipe: TOML, its relative paths made whole, and values replaced on request."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chatapp.training.tables import MissingFile, RecipeError


def read_values(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Return a recipe's values, with `table.key=value` overrides applied in their order.

    Raises:
        MissingFile: there is no such file.
        RecipeError: it is not valid TOML, or an override cannot be read.
    """
    values: dict[str, Any] = _anchored(_parse(path), path.parent)
    for override in overrides:
        _override(values, override)
    return values


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"no recipe at {path}") from None
    except IsADirectoryError:
        raise RecipeError(f"{path} is a directory; name a recipe, a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error


def _anchored(value: Any, directory: Path) -> Any:
    """Make every `path` that begins with a dot absolute, from the directory of the recipe."""
    if isinstance(value, list):
        return [_anchored(item, directory) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _anchored(item, directory) for key, item in value.items()}
    path = found.get("path")
    if isinstance(path, str) and path.startswith("."):
        found["path"] = str((directory / path).resolve())
    return found


def _override(values: dict[str, Any], override: str) -> None:
    """Apply one `table.key=value` to the tables in place."""
    name, separator, text = override.partition("=")
    *tables, key = (part.strip() for part in name.split("."))
    if not separator or not key:
        raise RecipeError(f"cannot read the override {override!r}; write table.key=value")
    table = values
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise RecipeError(f"cannot apply the override {override!r}: {part} is no table")
    try:
        table[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[key] = text.strip()  # a bare word is text
