"""What a value may be: typed conversion and limits, with an error that says what is allowed."""

from __future__ import annotations

import math
from typing import Any

from chatapp.settings.schema import Key, SettingsError

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


def convert(key: Key, raw: object, origin: str) -> Any:
    """Return `raw` as the key's type and within its limits, or raise SettingsError."""
    value = _typed(key.type, raw)
    if value is None or not _within(key, value):
        raise SettingsError(
            f"{origin}: '{key.name}' cannot be {raw!r}", hint=f"give {_allowed(key)}: {key.help}"
        )
    return value


def _within(key: Key, value: Any) -> bool:
    """Say whether a number is inside the key's limits; NaN and infinities never are."""
    if key.type in (bool, str):
        return True
    above = key.low is None or value >= key.low
    below = key.high is None or value <= key.high
    return math.isfinite(value) and above and below


def _typed(kind: type, raw: object) -> Any:
    """Return `raw` as `kind`, or None when it is not one. Text is read as from a shell."""
    if kind is bool:
        return raw if isinstance(raw, bool) else _WORDS.get(str(raw).strip().lower())
    if isinstance(raw, bool):
        return None  # bool is an int to Python, but `threads = true` is a mistake
    if kind is str:
        return raw if isinstance(raw, str) and raw.strip() else None
    if kind is float and isinstance(raw, int | float):
        return float(raw)
    if kind is int and isinstance(raw, int):
        return raw
    try:
        return kind(raw) if isinstance(raw, str) else None
    except ValueError:
        return None


def _allowed(key: Key) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "some text"}
    limits = []
    if key.low is not None:
        limits.append(f"at least {key.low:g}")
    if key.high is not None:
        limits.append(f"at most {key.high:g}")
    return words[key.type] + (" " + " and ".join(limits) if limits else "")
