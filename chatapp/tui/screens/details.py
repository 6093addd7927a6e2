"""The details of one message: tokens, speed, model, sources, memory used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatapp.tui.text import plain
from chatapp.tui.theme import MUTED


class DetailsScreen(ModalScreen[None]):
    """Shows rows of (name, value)."""

    DEFAULT_CSS = """
    DetailsScreen {
        align: center middle;
        & > Vertical {
            width: 76;
            max-width: 94%;
            height: auto;
            max-height: 90%;
            background: $background;
            border: round $foreground 25%;
            padding: 1 2;
        }
        & VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
        & Static { height: auto; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,i", "dismiss", "Close", id="details.close"),
    ]

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        lines = [Content(f"{name:<10} ").stylize(MUTED) + plain(text) for name, text in self._rows]
        with Vertical(), VerticalScroll():
            yield Static(Content("\n").join(lines), markup=False)
