"""The help screen: every key and every command, read from where they are defined.

Whoever goes on typing loses nothing: the help closes, and hands back the character.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatapp.tui.theme import MUTED

Group = tuple[str, Sequence[tuple[str, str]]]
"""A heading and its rows of (key or command, what it does)."""


class HelpScreen(ModalScreen[None]):
    """Shows groups of keys and commands; `typed` is given every character that is not its own."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > Vertical {
            width: 76;
            max-width: 94%;
            height: 90%;
            background: $background;
            border: round $foreground 25%;
            padding: 1 2;
        }
        & VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
        & .help-text { height: auto; }
        & .help-keys { height: 1; margin-top: 1; color: $text-muted; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,enter", "close", "Close", id="help.close"),
    ]

    def __init__(self, groups: Sequence[Group], typed: Callable[[str], object]) -> None:
        super().__init__()
        self._groups, self._typed = groups, typed

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll():
                yield Static(_content(self._groups), classes="help-text", markup=False)
            yield Static("↑/↓ scroll   Esc close", classes="help-keys", markup=False)

    def on_key(self, event: events.Key) -> None:
        own = event.key in self._bindings.key_to_bindings  # "?" closes what it opened
        if event.is_printable and event.character is not None and not own:
            event.stop()
            self._typed(event.character)
            self.action_close()

    def action_close(self) -> None:
        """Close once: keys pressed in one go still arrive here after the first has closed it."""
        if self in self.app.screen_stack:
            self.dismiss()


def _content(groups: Sequence[Group]) -> Content:
    lines: list[Content] = []
    for heading, rows in groups:
        lines += [Content(heading).stylize("bold $accent")]
        for name, what in rows:
            lines.append(Content(f"  {name:<20} ") + Content(what).stylize(MUTED))
        lines.append(Content(""))
    return Content("\n").join(lines[:-1])
