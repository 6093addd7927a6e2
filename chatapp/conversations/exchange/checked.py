"""Reading fields of a file that somebody else may have written: every value is checked.

`ImportFailed` is what all of the import raises; its message names the place in the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chatapp.conversations.ids import timestamp

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_DEEPEST = 50  # levels of nesting; no export has so many


class ImportFailed(Exception):
    """The file cannot be imported; `message` says why and where, `hint` names the fix."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def cleaned(value: Any, clean: Callable[[str], str], depth: int = 0) -> Any:
    """Return a JSON value with every string in it put through `clean`."""
    if depth > _DEEPEST:
        raise ImportFailed(f"it is nested more than {_DEEPEST} levels deep")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item, clean, depth + 1) for item in value]
    if isinstance(value, dict):
        return {clean(name): cleaned(item, clean, depth + 1) for name, item in value.items()}
    return value


class Fields:
    """An object of the file; `place` says where it stands in error messages."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            raise ImportFailed(f"{place} is no object")
        self._value, self._place = value, place

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string; without a default it must be there."""
        value = self._value.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def identity(self, name: str) -> str:
        """Return an id."""
        value = self.text(name)
        if not _ID.fullmatch(value):
            raise self._wrong(name, "an id")
        return value

    def reference(self, name: str) -> str | None:
        """Return an id, or None where there is none."""
        return None if self._value.get(name) is None else self.identity(name)

    def one_of(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Return a string that is one of these."""
        value = self.text(name, default)
        if value not in choices:
            raise self._wrong(name, "one of " + ", ".join(choices))
        return value

    def number(self, name: str, default: float | None = 0.0) -> float | None:
        """Return a number, or the default (which may be None) where there is none."""
        value = self._value.get(name)
        if value is None:
            return default
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise self._wrong(name, "a number")
        return float(value)

    def whole(self, name: str, default: int = 0) -> int:
        """Return a whole number that a database can hold."""
        value = self._value.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
            raise self._wrong(name, "a whole number")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false; false where it is missing."""
        value = self._value.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object as it is; an empty one where it is missing."""
        value = self._value.get(name) or {}
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return value

    def strings(self, name: str) -> list[str]:
        """Return a list of strings; an empty one where it is missing."""
        value = self._value.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "a list of texts")
        return value

    def objects(self, name: str) -> list[Fields]:
        """Return a list of objects; an empty one where it is missing."""
        value = self._value.get(name) or []
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return [Fields(item, f"{self._place}, {name} {n}") for n, item in enumerate(value, start=1)]

    def moment(self, name: str) -> str:
        """Return a time as the store writes it."""
        try:
            parsed = datetime.fromisoformat(self.text(name))
            return timestamp(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise self._wrong(name, "a time such as 2026-01-31T12:00:00Z") from None

    def optional_moment(self, name: str) -> str | None:
        """Return a time, or None where there is none."""
        return None if self._value.get(name) is None else self.moment(name)

    def _wrong(self, name: str, wanted: str) -> ImportFailed:
        return ImportFailed(f"{self._place}: '{name}' is not {wanted}")
