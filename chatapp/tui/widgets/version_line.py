"""`‹ 2 of 3 ›` under a message that has other versions; a click on an arrow shows the next one."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Static

from chatapp.tui.entries import Entry, place_of


class VersionLine(Static):
    """Empty while a message is the only one at its place."""

    DEFAULT_CSS = """
    VersionLine { width: auto; height: 1; color: $text-muted; }
    """

    def __init__(self, entry: Entry) -> None:
        super().__init__("", markup=False)
        self._entry = entry

    def on_mount(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Show the place among the versions as the entry has it now."""
        place, count = place_of(self._entry)
        self.update(f"‹ {place} of {count} ›")
        self.display = count > 1

    class Clicked(Message):
        """A half of the line was clicked: -1 for the version before, 1 for the one after."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Clicked(-1 if event.x < self.size.width / 2 else 1))
