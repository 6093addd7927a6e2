"""The help screen: every key and every command, read from where they are defined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

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
    """Shows groups of keys and commands."""

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
        Binding("escape,q,f1,question_mark", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, groups: Sequence[Group]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll():
                yield Static(_content(self._groups), classes="help-text", markup=False)
            yield Static("↑/↓ scroll   Esc close", classes="help-keys", markup=False)


def binding_rows(bindings: Iterable[BindingType]) -> list[tuple[str, str]]:
    """Return (keys, description) of bindings that say what they do, in their order."""
    found = [b for b in bindings if isinstance(b, Binding) and b.description]
    return [(b.key_display or _keys(b.key), b.description) for b in found]


def _keys(keys: str) -> str:
    """Return `ctrl+j,shift+enter` as a person reads it."""
    names = {"escape": "Esc", "question_mark": "?", "pageup": "PgUp", "pagedown": "PgDn"}
    names["delete"] = "Del"
    return ", ".join(
        "+".join(names.get(part, part.capitalize()) for part in parts)
        if len(parts) > 1
        else names.get(parts[0], parts[0].capitalize() if len(parts[0]) > 1 else parts[0])
        for parts in (key.split("+") for key in keys.split(","))
    )


def _content(groups: Sequence[Group]) -> Content:
    lines: list[Content] = []
    for heading, rows in groups:
        lines += [Content(heading).stylize("bold $accent")]
        for name, what in rows:
            lines.append(Content(f"  {name:<20} ") + Content(what).stylize(MUTED))
        lines.append(Content(""))
    return Content("\n").join(lines[:-1])
