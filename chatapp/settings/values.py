"""What a value may be: typed conversion and limits, with an error that says what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from chatapp.settings.keys import Key, SettingsError

# retrieval.web.providers.build.NAMES; settings know no other room, so a test compares.
_PROVIDERS = ("wikipedia", "searxng", "brave", "tavily", "ddgs", "index")
_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


def convert(key: Key, raw: object, where: str) -> Any:
    """Return `raw` as the key's type and within its limits, or raise SettingsError."""
    value = _typed(key, raw)
    if value is None or not _within(key, value):
        shown = "that (not shown: it may be a key)" if _may_be_a_key(key, raw) else repr(raw)
        raise SettingsError(
            f"{where}: '{key.name}' cannot be {shown}", hint=f"give {_allowed(key)}: {key.help}"
        )
    return value


def _may_be_a_key(key: Key, raw: object) -> bool:
    """Say whether somebody may have written a key or a password here, rightly or not."""
    return key.secret or key.check == "variable" or (key.check == "url" and "@" in str(raw))


def _is_url(text: str) -> bool:
    """Say whether it is an http address with a host, and without a password in it."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        return False


_ORIGIN = r"(?:https?://)?(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?/?"

# name of a check: what passes it, and how that is called
CHECKS: dict[str, tuple[Callable[[str], bool], str]] = {
    "url": (_is_url, "an address with http:// or https:// and no password in it"),
    "variable": (
        lambda text: re.fullmatch(r"[A-Z_][A-Z0-9_]*", text) is not None,
        "the name of an environment variable, in capitals, never the key itself",
    ),
    "consent": (lambda text: text in ("ask", "always", "never"), "`ask`, `always` or `never`"),
    "provider": (
        lambda text: text in _PROVIDERS,
        f"names of search providers: {', '.join(_PROVIDERS)}",
    ),
    "origin": (
        lambda text: re.fullmatch(_ORIGIN, text) is not None,
        "addresses such as `192.168.1.5:8080` or `http://nas.lan`, without a path",
    ),
    "enter": (lambda text: text in ("send", "newline"), "`send` or `newline`"),
    "path": (
        lambda text: text.startswith(("/", "~")) or re.match(r"[A-Za-z]:[\\/]", text) is not None,
        "full paths, or such that begin with ~",
    ),
}


def _within(key: Key, value: Any) -> bool:
    """Say whether a value is inside the key's limits; NaN and infinities never are."""
    if isinstance(value, str | tuple):
        texts = (value,) if isinstance(value, str) else value
        passes = CHECKS[key.check][0] if key.check else bool
        return all(passes(text) or text == key.default for text in texts)
    if isinstance(value, bool | dict):
        return True
    above = key.low is None or value >= key.low
    below = key.high is None or value <= key.high
    return math.isfinite(value) and above and below


def _typed(key: Key, raw: object) -> Any:
    """Return `raw` as the key's type, or None when it is not one. Text is read as from a shell."""
    kind = key.type
    if kind is bool:
        return raw if isinstance(raw, bool) else _WORDS.get(str(raw).strip().lower())
    if kind is tuple:
        return _texts(raw)
    if kind is dict:
        return _text_table(raw)
    if isinstance(raw, bool):
        return None  # bool is an int to Python, but `threads = true` is a mistake
    if kind is str:
        return raw if isinstance(raw, str) and (raw.strip() or raw == key.default) else None
    if kind is float and isinstance(raw, int | float):
        return float(raw)
    if kind is int and isinstance(raw, int):
        return raw
    try:
        return kind(raw) if isinstance(raw, str) else None
    except ValueError:
        return None


def _texts(raw: object) -> tuple[str, ...] | None:
    """Return a list of text; in an environment variable commas part it."""
    if isinstance(raw, str):
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if isinstance(raw, list | tuple) and all(isinstance(text, str) for text in raw):
        return tuple(raw)
    return None


def _text_table(raw: object) -> dict[str, str] | None:
    if isinstance(raw, Mapping) and all(isinstance(text, str) for text in raw.values()):
        return dict(raw)
    return None


def _allowed(key: Key) -> str:
    words = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "some text",
        tuple: 'a list of texts, such as ["one", "two"]',
        dict: 'a table of texts, such as { NAME = "value" }',
    }
    limits = []
    if key.low is not None:
        limits.append(f"at least {key.low:g}")
    if key.high is not None:
        limits.append(f"at most {key.high:g}")
    if key.check:
        return CHECKS[key.check][1]
    return words[key.type] + (" " + " and ".join(limits) if limits else "")
