"""Says what does not work, why, and how to repair it, with the two ways on."""

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


class TroublePanel(Vertical):
    """Hidden until `show()`."""

    DEFAULT_CSS = """
    TroublePanel {
        display: none;
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
        """`retry`, or `unsaved`: chat on without a database."""

        def __init__(self, choice: Literal["retry", "unsaved"]) -> None:
            super().__init__()
            self.choice = choice

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)
        with Horizontal():
            yield Button("Try again", id="trouble-retry", compact=True)
            yield Button("Chat without saving", id="trouble-unsaved", compact=True)

    def show(self, problem: Problem, *, offer_unsaved: bool) -> None:
        """Show the problem; `offer_unsaved` when chatting on without the database makes sense."""
        lines = [plain(problem.title).stylize("bold $text-error"), plain(problem.message)]
        if problem.hint:
            lines.append(Content("Fix: ").stylize("bold") + plain(problem.hint))
        self.query_one(Static).update(Content("\n").join(lines))
        self.query_one("#trouble-unsaved").display = offer_unsaved
        self.display = True

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        event.stop()
        self.display = False
        unsaved = event.button.id == "trouble-unsaved"
        self.post_message(self.Chosen("unsaved" if unsaved else "retry"))
