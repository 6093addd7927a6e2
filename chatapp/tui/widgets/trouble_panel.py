"""Says what does not work, why, and how to repair it, with the ways on."""

from __future__ import annotations

from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from chatapp.tui.errors import Problem
from chatapp.tui.text import plain

Choice = Literal["retry", "unsaved", "close"]


class TroublePanel(Vertical):
    """One problem; `retry` and `offer_unsaved` say which ways on make sense."""

    DEFAULT_CSS = """
    TroublePanel {
        height: auto;
        max-height: 60%;
        margin: 0 1 1 1;
        padding: 1 2;
        background: $surface;
        border-left: outer $error;
        & Static { height: auto; }
        & Horizontal { height: auto; margin-top: 1; }
        & Button { width: auto; min-width: 0; margin-right: 2; }
    }
    """

    class Chosen(Message):
        """`retry`, `unsaved` (chat on without a database) or `close`."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, problem: Problem, *, retry: bool, offer_unsaved: bool) -> None:
        super().__init__()
        self._problem = problem
        self._retry = retry
        self._offer_unsaved = offer_unsaved

    def compose(self) -> ComposeResult:
        problem = self._problem
        lines = [plain(problem.title).stylize("bold $text-error"), plain(problem.message)]
        if problem.hint:
            lines.append(Content("Fix: ").stylize("bold") + plain(problem.hint))
        yield Static(Content("\n").join(lines), markup=False)
        with Horizontal():
            if self._retry:
                yield Button("Try again", id="trouble-retry", compact=True)
            if self._offer_unsaved:
                yield Button("Chat without saving", id="trouble-unsaved", compact=True)
            yield Button("Close", id="trouble-close", compact=True)

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        event.stop()
        choices: dict[str, Choice] = {
            "trouble-retry": "retry",
            "trouble-unsaved": "unsaved",
            "trouble-close": "close",
        }
        self.remove()
        self.post_message(self.Chosen(choices[event.button.id or ""]))
