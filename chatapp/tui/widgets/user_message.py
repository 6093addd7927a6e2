"""What the person wrote, as they wrote it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from chatapp.tui.entries import Question
from chatapp.tui.text import plain, shortened
from chatapp.tui.widgets.message_view import MessageView
from chatapp.tui.widgets.version_line import VersionLine

SHOWN_CHARACTERS = 4_000
"""A pasted megabyte is stored whole; wrapping it on every resize would freeze the screen."""


class UserMessage(MessageView):
    """One message of the person, its attachments and its place among edited versions."""

    DEFAULT_CSS = """
    UserMessage {
        padding: 1 2;
        background: $surface;
        border-left: outer $accent 40%;
        &:focus { border-left: outer $accent; }
        & Static { height: auto; }
        & .attached { color: $text-muted; }
    }
    """

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question

    def compose(self) -> ComposeResult:
        yield Static(plain(shortened(self.question.text, SHOWN_CHARACTERS)), markup=False)
        if self.question.attachments:
            names = "   ".join(f"⎘ {name}" for name in self.question.attachments)
            yield Static(plain(names), classes="attached", markup=False)
        yield VersionLine(self.question)
