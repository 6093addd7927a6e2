"""A dialog that asks for a longer text, such as a correction or a persona."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from chatapp.assistant.text import sanitize_text
from chatapp.tui.widgets.key_hints import KeyHints


class TextDialog(ModalScreen[str | None]):
    """Returns the text, which may be empty, or None when it was left with Esc."""

    DEFAULT_CSS = """
    TextDialog {
        align: center middle;
        & > Vertical {
            width: 80;
            max-width: 94%;
            height: 60%;
            min-height: 9;
            background: $background;
            border: round $accent;
            border-title-color: $accent;
            padding: 1 1 0 1;
        }
        & TextArea {
            height: 1fr;
            border: none;
            background: $surface;
            padding: 0 1;
            &:focus { border: none; }
        }
        & .about { height: auto; color: $text-muted; padding: 0 1; }
        & KeyHints { padding: 0 1; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f2", "save", "Save", id="text.save", priority=True),
        Binding("escape", "dismiss(None)", "Cancel", id="text.cancel"),
    ]

    def __init__(self, title: str, text: str = "", about: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = sanitize_text(text)
        self._about = about

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            if self._about:
                yield Static(self._about, classes="about", markup=False)
            yield TextArea(self._text, show_line_numbers=False, tab_behavior="focus")
            yield KeyHints()

    def action_save(self) -> None:
        self.dismiss(sanitize_text(self.query_one(TextArea).text).strip())
