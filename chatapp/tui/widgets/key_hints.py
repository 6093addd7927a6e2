"""The lowest line: the keys that do something here and now, the nearest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from chatapp.tui.keys import key_name
from chatapp.tui.theme import MUTED

ALWAYS = "chat.help"
"""The binding that is shown last whatever the width: it leads to all others."""


class KeyHints(Static):
    """Drawn anew when the focus moves or the bindings change; shows as many keys as fit."""

    DEFAULT_CSS = """
    KeyHints { height: 1; padding: 0 2; }
    """

    def __init__(self) -> None:
        super().__init__("", id="key-hints", markup=False)

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._redraw)
        self.call_after_refresh(self.redraw)  # once all that keys act on is there

    def on_resize(self) -> None:
        self.redraw()

    def _redraw(self, screen: Screen[object]) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Show the keys of the focused widget, then those of the screen and the app."""
        found = list(self._found())
        last = [hint for binding_id, hint in found if binding_id == ALWAYS]
        room = self.content_size.width - sum(_width(hint) for hint in last)
        shown = []
        for binding_id, hint in found:
            if binding_id != ALWAYS and _width(hint) <= room:
                shown.append(hint)
                room -= _width(hint)
            elif binding_id != ALWAYS:
                break
        self.update(Content("   ").join(_drawn(*hint) for hint in [*shown, *last]))

    def _found(self) -> Iterable[tuple[str, tuple[str, str]]]:
        """Yield binding id, key and words of what can be pressed: nearest first, app last."""
        seen = set()
        far = {self.screen: 1, self.app: 2}  # priority keys come first in the list of Textual
        actives = sorted(self.screen.active_bindings.values(), key=lambda a: far.get(a.node, 0))
        for active in actives:
            binding = active.binding
            name = binding.id or binding.action
            wanted = binding.show and binding.description and active.enabled
            if wanted and name not in seen and self._means_something(name):
                seen.add(name)
                yield name, (key_name(binding.key), binding.description)

    def _means_something(self, binding_id: str) -> bool:
        """Ask the screen, if it knows, whether this key would do anything at the moment."""
        offers: Callable[[str], bool] = getattr(self.screen, "offers", lambda name: True)
        return offers(binding_id)


def _width(hint: tuple[str, str]) -> int:
    return len(hint[0]) + len(hint[1]) + 4  # a space between, three after


def _drawn(key: str, words: str) -> Content:
    return Content(key).stylize("bold $accent") + Content(f" {words}").stylize(MUTED)
