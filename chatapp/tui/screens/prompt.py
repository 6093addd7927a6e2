"""A small dialog that asks for one line of text, such as a new title."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from chatapp.assistant.text import sanitize_text


class PromptScreen(ModalScreen[str | None]):
    """Returns the text, or None when it was left with Esc."""

    DEFAULT_CSS = """
    PromptScreen {
        align: center middle;
        & > Vertical {
            width: 60;
            max-width: 90%;
            height: auto;
            background: $background;
            border: round $accent;
            padding: 0 1;
        }
        & Static { color: $text-muted; padding: 0 1; }
        & Input {
            border: none;
            background: transparent;
            height: 1;
            margin: 1 0;
            padding: 0 1;
            &:focus { border: none; }
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="prompt.cancel"),
    ]

    def __init__(self, label: str, text: str = "", *, empty: bool = False) -> None:
        super().__init__()
        self._label = label
        self._empty = empty
        self._text = sanitize_text(text)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._label, markup=False)
            yield Input(self._text)
            yield Static("Enter saves, Esc cancels", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return what was typed; nothing typed changes nothing, unless `empty` is an answer."""
        self.dismiss(event.value.strip() or ("" if self._empty else None))
