"""The bottom line: what the model is doing on the left, what it cost on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textual.content import Content
from textual.widgets import Static

from chatapp.tui.text import one_line

if TYPE_CHECKING:
    from chatapp.assistant.events import Usage

ModelState = Literal["opening", "loading", "ready", "failed", "closed"]

_STATES: dict[ModelState, tuple[str, str]] = {
    "opening": ("◌ opening conversations…", "$text-muted"),
    "loading": ("◌ model is loading, type ahead", "$text-warning"),
    "ready": ("● ready", "$text-success"),
    "failed": ("✕ no model", "$text-error"),
    "closed": ("✕ conversations not open", "$text-error"),
}
METER_CELLS = 8


class StatusBar(Static):
    """Redrawn whenever one of its facts changes; a `hint` covers the state for a moment."""

    DEFAULT_CSS = """
    StatusBar { height: 1; padding: 0 2; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__("", id="status", markup=False)
        self.state: ModelState = "opening"
        self.model = ""
        self.own_model = ""
        self.activity = ""
        self.hint = ""
        self.usage: Usage | None = None
        self.tokens_per_second = 0.0

    def on_mount(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def set_state(self, state: ModelState, model: str = "") -> None:
        """Show how far the model is and, once known, its name."""
        self.state, self.model = state, model or self.model
        self.redraw()

    def set_own_model(self, name: str) -> None:
        """Show the model that this conversation has of its own; empty: the general one."""
        self.own_model = name
        self.redraw()

    def set_activity(self, activity: str) -> None:
        """Show what the running turn is doing; empty when none runs."""
        self.activity = activity
        self.screen.refresh_bindings()  # other keys do something now
        self.redraw()

    def set_hint(self, hint: str) -> None:
        """Show `hint` in place of the state until it is set to the empty string."""
        self.hint = hint
        self.redraw()

    def set_cost(self, usage: Usage | None, seconds: float = 0.0) -> None:
        """Show the context meter and the speed of the last answer."""
        self.usage = usage
        produced = usage.completion_tokens if usage else 0
        self.tokens_per_second = produced / seconds if seconds > 0 else 0.0
        self.redraw()

    def redraw(self) -> None:
        left, right = self._left(), self._right()
        room = self.content_size.width
        if left.cell_length + right.cell_length + 2 > room:
            right = Content("")
        gap = max(1, room - left.cell_length - right.cell_length)
        self.update(left + Content(" " * gap) + right)

    def _left(self) -> Content:
        if self.hint:
            return Content(self.hint).stylize("$text-warning")
        label, style = _STATES[self.state]
        left = Content(label).stylize(style)
        if self.state == "ready" and (model := self.own_model or self.model):
            left = Content("● ").stylize(style) + Content(one_line(model, 40))
        return left + Content(f"  {self.activity}") if self.activity else left

    def _right(self) -> Content:
        if self.usage is None or self.usage.context_length <= 0:
            return Content("")
        parts = [context_meter(self.usage)]
        if self.tokens_per_second:
            parts.append(f"{self.tokens_per_second:.0f} tokens/s")
        return Content("   ".join(parts))


def context_meter(usage: Usage) -> str:
    """Return a bar of how full the context window is, with the numbers."""
    share = min(1.0, usage.context_tokens / usage.context_length)
    filled = round(share * METER_CELLS)
    bar = "▰" * filled + "▱" * (METER_CELLS - filled)
    return f"context {bar} {usage.context_tokens:,}/{usage.context_length:,}"
