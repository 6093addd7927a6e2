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
    """Stands there while an answer is cut off; nothing is ever re-asked by itself."""

    DEFAULT_CSS = """
    RecoveryBanner {
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

    def __init__(self, message_id: str) -> None:
        super().__init__()
        self._message_id = message_id

    def compose(self) -> ComposeResult:
        yield Static("The last answer was interrupted.", markup=False)
        yield Button("Continue", id="recover-continue", compact=True)
        yield Button("Regenerate", id="recover-regenerate", compact=True)
        yield Button("Leave", id="recover-leave", compact=True)

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        event.stop()
        choices: dict[str, Choice] = {
            "recover-continue": "continue",
            "recover-regenerate": "regenerate",
            "recover-leave": "leave",
        }
        self.remove()
        self.post_message(self.Chosen(choices[event.button.id or ""], self._message_id))
