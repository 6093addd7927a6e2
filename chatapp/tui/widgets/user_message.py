"""What the person wrote, as they wrote it."""

from __future__ import annotations

from textual.widgets import Static

from chatapp.tui.text import plain, shortened

SHOWN_CHARACTERS = 4_000
"""A pasted megabyte is stored whole; wrapping it on every resize would freeze the screen."""


class UserMessage(Static):
    """One message of the person."""

    DEFAULT_CSS = """
    UserMessage {
        height: auto;
        margin: 0 0 1 0;
        padding: 1 2;
        background: $surface;
        border-left: outer $accent;
    }
    """

    def __init__(self, text: str) -> None:
        super().__init__(plain(shortened(text, SHOWN_CHARACTERS)), markup=False)
