"""Where keys are bound: the one list that the help, the key map file and its check go by.

Each place is imported when it is asked for; a test holds that no class with bindings is missing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import NamedTuple

from textual.binding import Binding
from textual.dom import DOMNode


class Place(NamedTuple):
    """Widgets and screens (`module:Class` below chatapp.tui) whose keys work together."""

    heading: str
    classes: tuple[str, ...]


PLACES = (
    Place("While typing", ("widgets.composer:Composer",)),
    Place("Anywhere", ("screens.chat:ChatScreen", "app:ChatApp")),
    Place(
        "On a message (Shift+Tab or click)",
        ("widgets.message_view:MessageView", "widgets.answer:Answer"),
    ),
    Place("In the list of conversations", ("widgets.conversation_options:ConversationOptions",)),
    Place("In the transcript", ("widgets.transcript:Transcript",)),
    Place("In the search", ("screens.search:SearchScreen",)),
    Place("On a tool that asks", ("widgets.approval_bar:ApprovalBar",)),
    Place("Before a page is opened", ("screens.visit:VisitScreen",)),
    Place("In the details", ("screens.details:DetailsScreen",)),
    Place("In the tree of branches", ("screens.tree:TreeScreen",)),
    Place("In a source", ("screens.passage:PassageScreen",)),
    Place("In a dialog", ("screens.prompt:PromptScreen",)),
    Place("In this help", ("screens.help:HelpScreen",)),
)


def bindings_of(place: Place) -> list[Binding]:
    """Return the bindings of a place as they are written: `ctrl+j,shift+enter` is one."""
    return [
        binding
        for name in place.classes
        for binding in _load(name).BINDINGS
        if isinstance(binding, Binding)
    ]


def all_bindings() -> Iterator[tuple[Place, Binding]]:
    """Yield every binding of the app with its place."""
    for place in PLACES:
        for binding in bindings_of(place):
            yield place, binding


def key_name(keys: str) -> str:
    """Return `ctrl+j,shift+enter` as a person reads it: `Ctrl+J, Shift+Enter`."""
    return ", ".join(
        "+".join(_NAMES.get(part, part.capitalize() if single else part) for part in parts)
        for parts in (key.split("+") for key in keys.split(","))
        for single in [len(parts) > 1 or len(parts[0]) > 1]
    )


_NAMES = {
    "escape": "Esc",
    "question_mark": "?",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "delete": "Del",
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "equals_sign": "=",
}


def _load(name: str) -> type[DOMNode]:
    module, _, attribute = name.partition(":")
    found: type[DOMNode] = getattr(importlib.import_module(f"chatapp.tui.{module}"), attribute)
    return found
