"""Where keys are bound: the one list that the help, the key map file and its check go by.

Each place is imported when it is asked for; a test holds that no class with bindings is missing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import ModalScreen

if TYPE_CHECKING:
    from textual.screen import Screen


class Place(NamedTuple):
    """Widgets and screens (`module:Class` below chatapp.tui) whose keys work together."""

    heading: str
    classes: tuple[str, ...]


ANYWHERE = Place("Anywhere", ("screens.chat:ChatScreen", "app:ChatApp"))

PLACES = (
    Place("While typing", ("widgets.composer:Composer",)),
    ANYWHERE,
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
    Place("In the memory", ("screens.memories:MemoriesScreen",)),
    Place("In a comparison", ("screens.compare:CompareScreen",)),
    Place("In the list of models", ("screens.models:ModelsScreen",)),
    Place("In the sampling settings", ("screens.sampling:SamplingScreen",)),
    Place("In the export", ("screens.export:ExportScreen",)),
    Place("In a longer text", ("screens.text_dialog:TextDialog",)),
    Place("In a question", ("screens.confirm:ConfirmScreen",)),
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


def bindings_in_force(place: Place) -> list[Binding]:
    """Return the bindings that can be pressed in a place.

    Besides its own: those of the app that go before all others, and on the chat screen, which a
    dialog covers, those of that screen.
    """
    screen, app = (ANYWHERE._replace(classes=(name,)) for name in ANYWHERE.classes)
    wider = [app] if _is_dialog(place) else [screen, app]
    before = [b for each in wider for b in bindings_of(each) if b.priority]
    return [*bindings_of(place), *before]


def key_name(keys: str) -> str:
    """Return `ctrl+j,shift+enter` as a person reads it: `Ctrl+J, Shift+Enter`."""
    return ", ".join(
        "+".join(_NAMES.get(part, part.capitalize() if single else part) for part in parts)
        for parts in (key.split("+") for key in keys.split(","))
        for single in [len(parts) > 1 or len(parts[0]) > 1]
    )


def key_for(screen: Screen[Any], binding_id: str) -> str:
    """Return the key that an action of `screen` has now, as a person reads it."""
    actives = screen.active_bindings.values()
    keys = [active.binding.key for active in actives if active.binding.id == binding_id]
    return key_name(keys[0]) if keys else ""


_NAMES = {
    "escape": "Esc",
    "question_mark": "?",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "delete": "Del",
    "underscore": "_",
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "equals_sign": "=",
}


def _is_dialog(place: Place) -> bool:
    return any(issubclass(_load(name), ModalScreen) for name in place.classes)


def _load(name: str) -> type[DOMNode]:
    module, _, attribute = name.partition(":")
    found: type[DOMNode] = getattr(importlib.import_module(f"chatapp.tui.{module}"), attribute)
    return found
