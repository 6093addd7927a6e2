"""A small dialog that asks before something that cannot be undone."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from chatapp.tui.text import plain


class ConfirmScreen(ModalScreen[bool]):
    """Returns True only for a clear yes; the safe answer has the focus."""

    DEFAULT_CSS = """
    ConfirmScreen {
        align: center middle;
        & > Vertical {
            width: 60;
            max-width: 90%;
            height: auto;
            background: $background;
            border: round $warning;
            padding: 1 2;
        }
        & Static { height: auto; }
        & Horizontal { height: auto; margin-top: 1; }
        & Button { width: auto; min-width: 0; margin-right: 2; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", id="confirm.yes"),
        Binding("escape,n", "dismiss(False)", "No", id="confirm.no"),
        Binding("left,right", "app.focus_next", show=False, id="confirm.other"),
    ]

    def __init__(self, question: str, *, yes: str, no: str = "Keep it") -> None:
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(plain(self._question), markup=False)
            with Horizontal():
                yield Button(self._no, id="confirm-no", compact=True)
                yield Button(self._yes, id="confirm-yes", variant="error", compact=True)

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "confirm-yes")
