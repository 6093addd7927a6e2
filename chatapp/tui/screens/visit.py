"""Asks before a browser is opened: where the address leads, whole, and what to do with it."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from chatapp.tui.addresses import domain_of
from chatapp.tui.text import plain, shortened

Choice = Literal["open", "copy"]


class VisitScreen(ModalScreen[Choice | None]):
    """Returns `open`, `copy`, or None for neither. Nothing is opened by Enter alone."""

    DEFAULT_CSS = """
    VisitScreen {
        align: center middle;
        & > Vertical {
            width: 76;
            max-width: 94%;
            height: auto;
            max-height: 90%;
            background: $background;
            border: round $warning;
            padding: 0 1;
        }
        & Static { height: auto; margin-bottom: 1; }
        & Horizontal { height: auto; }
        & Button { width: auto; min-width: 0; margin-right: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "dismiss(None)", "No", id="visit.no"),
        Binding("y,o", "dismiss('open')", "Open", id="visit.open"),
        Binding("c", "dismiss('copy')", "Copy the address", id="visit.copy"),
    ]

    def __init__(self, address: str, *, can_open: bool) -> None:
        super().__init__()
        self._address = address
        self._can_open = can_open

    def compose(self) -> ComposeResult:
        lines = [
            Content("Leave for ") + Content(domain_of(self._address)).stylize("bold $text-warning"),
            plain(shortened(self._address, 2_000)),
        ]
        if not self._can_open:
            lines.append(Content("There is no desktop here that could open a browser."))
        with Vertical():
            yield Static(Content("\n").join(lines), markup=False)
            with Horizontal():
                yield Button("No", id="visit-no", compact=True)
                if self._can_open:
                    yield Button("Open the browser", id="visit-open", compact=True)
                yield Button("Copy the address", id="visit-copy", compact=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return self._can_open or parameters != ("open",)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        choices: dict[str, Choice] = {"visit-open": "open", "visit-copy": "copy"}
        self.dismiss(choices.get(event.button.id or ""))
