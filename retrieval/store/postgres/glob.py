"""Globs for PostgreSQL, which has none: regular expressions that mean what SQLite's GLOB does."""

from __future__ import annotations

import re


def glob(expression: str, pattern: str) -> tuple[str, str]:
    """Return the condition that an expression matches a glob, in PostgreSQL."""
    return f"{expression} ~ ?", _expression(pattern)


def _expression(pattern: str) -> str:
    """Return a glob as a regular expression over the whole text: `*`, `?` and `[…]`."""
    parts = re.split(r"(\*|\?|\[\^?\]?[^\]]*\])", pattern)
    return f"^{''.join(_ESCAPES.get(part) or _part(part) for part in parts)}$"


_ESCAPES = {"*": ".*", "?": "."}


def _part(part: str) -> str:
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        return part.replace("\\", "\\\\")
    return re.sub(r"([^\w\s/])", r"\\\1", part)
