"""What was done for an answer: every step while it works, one folded line after it."""

from __future__ import annotations

import json

from textual import events
from textual.content import Content
from textual.widgets import Static

from chatapp.tui.text import one_line, plain, shortened
from chatapp.tui.theme import MUTED
from chatapp.tui.trace import Browsed, Step, ToolUse, Trace

LIVE_STEPS = 6
"""So many of the latest steps are shown while an answer is written."""

RESULT_CHARACTERS = 2_000
"""So much of a tool's arguments and of its result is shown when unfolded."""


class TraceLines(Static):
    """Live: the latest steps. Folded: one line that says how many. Unfolded: all, with details."""

    DEFAULT_CSS = """
    TraceLines { height: auto; color: $text-muted; display: none; }
    """

    def __init__(self, trace: Trace) -> None:
        super().__init__("", markup=False)
        self._trace = trace
        self._unfolded = False
        self._live = False

    def show(self, *, live: bool) -> None:
        """Draw the steps there are; `live` while the answer is being written."""
        self._live = live
        self.display = bool(self._trace.steps)
        if self.display:
            self.update(Content("\n").join(self._lines()))

    def toggle(self) -> None:
        """Unfold all steps with what they were about, or fold them away."""
        self._unfolded = not self._unfolded
        self.show(live=self._live)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.toggle()

    def _lines(self) -> list[Content]:
        steps = self._trace.steps
        if self._unfolded:
            return [Content("▾ " + self._trace.summary()), *(_unfolded(step) for step in steps)]
        if self._live:
            return [_line(step) for step in steps[-LIVE_STEPS:]]
        return [Content(f"▸ {self._trace.summary() or 'nothing found'}")]


def _line(step: Step) -> Content:
    if isinstance(step, Browsed):
        where = Content(f"  {one_line(step.domain, 60)}").stylize(MUTED) if step.domain else ""
        return Content(f"· {one_line(step.text, 120)}") + where
    name = Content(f"· {one_line(step.name, 60)}").stylize("$accent")
    return name + Content(f"({_arguments(step, 80)})") + _outcome(step)


def _outcome(use: ToolUse) -> Content:
    if use.error:
        return Content(f" ✕ {one_line(use.error, 120)}").stylize("$text-error")
    if use.decision == "asked" and not use.done:
        return Content(" waits for your approval").stylize("$text-warning")
    if not use.done:
        return Content(" …")
    return Content(f" → {one_line(use.text, 120)}") + Content(f"  {use.seconds:.1f} s").stylize(
        MUTED
    )


def _unfolded(step: Step) -> Content:
    if isinstance(step, Browsed):
        about = "" if not step.detail else "\n    " + one_line(step.detail, 400)
        return _line(step) + Content(about).stylize(MUTED)
    lines = [
        f"arguments: {shortened(_arguments(step, None), RESULT_CHARACTERS)}",
        f"approval: {step.why}" if step.why else "",
        f"result: {shortened(step.text, RESULT_CHARACTERS)}" if step.text else "",
    ]
    shown = "\n".join(f"    {line}" for text in lines for line in text.splitlines() if line)
    return _line(step) + Content("\n") + plain(shown).stylize(MUTED)


def _arguments(use: ToolUse, limit: int | None) -> str:
    """Return the arguments as JSON, on one line of `limit` characters or whole."""
    if limit is None:
        return json.dumps(use.arguments, ensure_ascii=False, indent=1, default=str)
    return one_line(json.dumps(use.arguments, ensure_ascii=False, default=str)[1:-1], limit)
