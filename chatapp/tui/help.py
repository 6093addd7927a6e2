"""What the help screen lists, gathered from the bindings and the command registry."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.tui.actions import command_rows
from chatapp.tui.keys import PLACES, Place, bindings_of, key_name
from chatapp.tui.screens.help import Group

COMMANDS_AFTER = 3
"""The commands stand after the keys that are used most."""


def help_groups(keymap: Mapping[str, str] | None = None) -> list[Group]:
    """Return the groups of the help screen, most used first, with the keys of the key map."""
    groups = [(place.heading, _rows(place, keymap or {})) for place in PLACES]
    return [*groups[:COMMANDS_AFTER], ("Commands", command_rows()), *groups[COMMANDS_AFTER:]]


def _rows(place: Place, keymap: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (keys, what they do) of the bindings that say what they do."""
    return [
        (
            key_name(keymap.get(binding.id or "", binding.key)),
            binding.tooltip or binding.description,
        )
        for binding in bindings_of(place)
        if binding.description
    ]
