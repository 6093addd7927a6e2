"""Asks whether a tool may run or a query leave for the web: once, in this conversation, or not.

It never takes the focus by itself: a letter typed into the input must not approve anything.
"""

from __future__ import annotations

import json
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from chatapp.assistant.events import ToolApproval, WebConsent
from chatapp.tui.text import one_line, plain, shortened

Decision = Literal["once", "conversation", "deny"]

ARGUMENT_CHARACTERS = 1_500
"""A person must be able to read what is approved; what is longer says so and how much more."""

_CHOICES: dict[str, Decision] = {
    "approve-once": "once",
    "approve-conversation": "conversation",
    "approve-deny": "deny",
}


class ApprovalBar(Vertical):
    """Stands above the input while a call waits; y, a and n decide once it has the focus."""

    DEFAULT_CSS = """
    ApprovalBar {
        height: auto;
        max-height: 50%;
        margin: 0 1;
        padding: 0 1;
        background: $panel;
        border-left: outer $warning;
        overflow-y: auto;
        & Static { height: auto; }
        & Horizontal { height: auto; }
        & Button { width: auto; min-width: 0; margin-right: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "decide('once')", "Once", id="approval.once", tooltip="Allow it once"),
        Binding(
            "a",
            "decide('conversation')",
            "Always here",
            id="approval.conversation",
            tooltip="Allow it in this conversation",
        ),
        Binding("n", "decide('deny')", "Deny", id="approval.deny", tooltip="Do not allow it"),
        Binding(
            "left", "step(-1)", "Back", show=False, id="approval.back", tooltip="Choice before this"
        ),
        Binding(
            "right", "step(1)", "On", show=False, id="approval.on", tooltip="Choice behind this"
        ),
    ]

    class Decided(Message):
        """The person decided about the call `call_id`."""

        def __init__(self, call_id: str, decision: Decision) -> None:
            super().__init__()
            self.call_id = call_id
            self.decision = decision

    def __init__(self, asked: ToolApproval | WebConsent) -> None:
        super().__init__()
        self._asked = asked

    def compose(self) -> ComposeResult:
        asked = self._asked
        lines = _about_web(asked) if isinstance(asked, WebConsent) else _about_tool(asked)
        yield Static(Content("\n").join(lines), markup=False)
        with Horizontal():
            # First, so that whoever comes here by Tab and presses Enter has allowed nothing.
            yield Button("Deny", id="approve-deny", compact=True)
            yield Button("Allow once", id="approve-once", compact=True)
            if not (isinstance(asked, WebConsent) and asked.private):  # then each query is asked
                yield Button("Allow in this conversation", id="approve-conversation", compact=True)

    def focus_choice(self) -> None:
        """Go to the choices; the one that changes nothing comes first."""
        self.query_one("#approve-deny", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_decide(_CHOICES[event.button.id or ""])

    def action_step(self, by: int) -> None:
        """Go to the choice beside the one that has the focus; none lies beyond the ends."""
        buttons = list(self.query(Button))
        here = next((n for n, button in enumerate(buttons) if button.has_focus), 0)
        buttons[min(max(here + by, 0), len(buttons) - 1)].focus()

    def action_decide(self, decision: Decision) -> None:
        self.post_message(self.Decided(self._asked.id, decision))


def _about_tool(asked: ToolApproval) -> list[Content]:
    arguments = json.dumps(asked.arguments, ensure_ascii=False, indent=1, default=str)
    title = Content(f"{one_line(asked.name, 60)} wants to run").stylize("bold $text-warning")
    return [title, plain(shortened(arguments, ARGUMENT_CHARACTERS)), plain(asked.why)]


def _about_web(asked: WebConsent) -> list[Content]:
    title = Content("Your sources do not answer this. Search the web?").stylize(
        "bold $text-warning"
    )
    services = one_line(", ".join(asked.services), 200)
    return [title, plain(f"“{asked.query}”").stylize("bold"), plain(f"It goes to: {services}"),
            plain(asked.why)]  # fmt: skip
