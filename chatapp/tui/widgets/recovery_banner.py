"""Offers what to do with an answer that was cut off: continue, regenerate, or leave it."""

from __future__ import annotations

from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Button, Static

Choice = Literal["continue", "regenerate", "leave"]


class RecoveryBanner(Horizontal):
    """Hidden until `offer()`; nothing is ever re-asked by itself."""

    DEFAULT_CSS = """
    RecoveryBanner {
        display: none;
        height: auto;
        margin: 0 1;
        padding: 0 1;
        background: $panel;
        & Static { width: 1fr; height: auto; color: $text-warning; }
        & Button { width: auto; min-width: 0; margin: 0 0 0 1; }
    }
    """

    class Chosen(Message):
        """The person chose what to do with the interrupted answer `message_id`."""

        def __init__(self, choice: Choice, message_id: str) -> None:
            super().__init__()
            self.choice = choice
            self.message_id = message_id

    def __init__(self) -> None:
        super().__init__(id="recovery")
        self.message_id = ""

    def compose(self) -> ComposeResult:
        yield Static("The last answer was interrupted.", markup=False)
        yield Button("Continue", id="recover-continue", compact=True)
        yield Button("Regenerate", id="recover-regenerate", compact=True)
        yield Button("Leave", id="recover-leave", compact=True)

    def offer(self, message_id: str) -> None:
        """Show the offer for this answer."""
        self.message_id = message_id
        self.display = True

    def withdraw(self) -> None:
        """Hide the offer."""
        self.display = False

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        event.stop()
        choices: dict[str, Choice] = {
            "recover-continue": "continue",
            "recover-regenerate": "regenerate",
            "recover-leave": "leave",
        }
        self.withdraw()
        self.post_message(self.Chosen(choices[event.button.id or ""], self.message_id))
