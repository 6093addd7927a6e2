"""The key map file: `keys.toml` beside the settings, which gives actions other keys.

    [chat]
    search = "ctrl+k"
    new = "ctrl+t,f3"

A name is the id of a binding; `/keys` in the chat writes a file with all of them. A mistake stops
the app before it opens, with a message that names the file and the fix, like a wrong setting does.
"""

from __future__ import annotations

import difflib
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chatapp import paths
from chatapp.settings import SettingsError

FILE = "keys.toml"
MODIFIERS = {"ctrl", "shift", "alt", "super", "meta", "hyper"}
SPOKEN = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "del": "delete", "return": "enter"}


def keymap_path() -> Path:
    """Return the file that a person's own keys stand in."""
    return paths.user_config_path().with_name(FILE)


def load_keymap(path: Path) -> dict[str, str]:
    """Return binding ids with their keys, comma-separated; nothing when there is no file.

    Raises:
        SettingsError: the file cannot be read, names no binding, or gives one key to two actions.
    """
    if not path.exists():
        return {}
    keymap = {name: _keys(value, name, path) for name, value in _flat(_read(path))}
    _check(keymap, path)
    return keymap


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}", hint=f"correct {path} or move it away."
        ) from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _keys(value: object, name: str, path: Path) -> str:
    """Return the keys as Textual writes them, such as `ctrl+k,question_mark`."""
    keys = value.split(",") if isinstance(value, str) else []
    if not all(key.strip() for key in keys) or not keys:
        raise SettingsError(
            f"{path}: '{name}' has no key", hint='write one or more: "ctrl+k" or "ctrl+k,f5".'
        )
    return ",".join(_key(key.strip(), name, path) for key in keys)


def _key(key: str, name: str, path: Path) -> str:
    from textual.keys import KEY_ALIASES, KEY_NAME_REPLACEMENTS, Keys, _character_to_key

    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    modifiers = [modifier.lower() for modifier in modifiers]
    last = SPOKEN.get(last.lower(), last)
    known = {each.value for each in Keys} | {*KEY_ALIASES, *KEY_NAME_REPLACEMENTS.values()}
    if len(last) == 1 and last.isprintable():
        last = _character_to_key(last if not modifiers else last.lower())
    elif last.lower() in known:
        last = last.lower()
    elif not _is_character(last):
        nearest = difflib.get_close_matches(last.lower(), sorted(known), n=1)
        hint = f"did you mean '{nearest[0]}'?" if nearest else "write it like ctrl+k, f5 or escape."
        raise SettingsError(f"{path}: '{name}': there is no key '{key}'", hint=hint)
    if unknown := [modifier for modifier in modifiers if modifier not in MODIFIERS]:
        raise SettingsError(
            f"{path}: '{name}': '{unknown[0]}' is no modifier in '{key}'",
            hint=f"use {', '.join(sorted(MODIFIERS))}.",
        )
    return "+".join([*modifiers, last])


def _is_character(name: str) -> bool:
    """Say whether this is a character by its Unicode name, such as `question_mark`."""
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True


def _check(keymap: Mapping[str, str], path: Path) -> None:
    """Refuse ids that do not exist, and a key that would have two meanings in one place."""
    from chatapp.tui.keys import PLACES, all_bindings, bindings_in_force

    ids = {binding.id for _, binding in all_bindings() if binding.id}
    for name in keymap:
        if name not in ids:
            nearest = difflib.get_close_matches(name, ids, n=1, cutoff=0.5)
            hint = f"did you mean '{nearest[0]}'?" if nearest else "F1 in the chat lists them all."
            raise SettingsError(f"{path}: there is no binding '{name}'", hint=hint)
    for place in PLACES:
        meanings: dict[str, str] = {}
        for binding in bindings_in_force(place):
            name = binding.id or ""
            for key in keymap.get(name, binding.key).split(","):
                other = meanings.setdefault(key, name)
                if other != name and (name in keymap or other in keymap):
                    raise SettingsError(
                        f"{path}: the key '{key}' would mean both '{other}' and '{name}'",
                        hint=f"give '{name if name in keymap else other}' another key.",
                    )
