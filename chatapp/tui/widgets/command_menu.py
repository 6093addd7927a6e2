"""The list of slash commands, or of files after an @, that what is being typed may go on to."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from chatapp.tui.theme import MUTED

ROWS = 6


class CommandMenu(Static):
    """Shown above the input while a command name or the path of a file is in the making."""

    DEFAULT_CSS = """
    CommandMenu {
        display: none;
        height: auto;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        margin: 0 1;
        padding: 0 1;
        background: $panel;
    }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.commands: Sequence[tuple[str, str]] = ()
        self._matches: list[tuple[str, str]] = []
        self._index = 0

    @property
    def chosen(self) -> str | None:
        """The highlighted choice: a command with its slash, or a path with its @."""
        return self._matches[self._index][0] if self._matches else None

    def filter(self, typed: str) -> None:
        """Show the commands that start with `typed`; hide when it is no command in the making."""
        making = typed.startswith("/") and not any(c.isspace() for c in typed)
        self.show([c for c in self.commands if making and c[0].startswith(typed)])

    def show(self, choices: Sequence[tuple[str, str]]) -> None:
        """Show these choices, each with what it is; hide when there are none."""
        self._matches = list(choices)
        self._index = 0
        self.display = bool(self._matches)
        self._draw()

    def move(self, step: int) -> None:
        """Highlight the next or previous match, around the ends."""
        self._index = (self._index + step) % len(self._matches)
        self._draw()

    def _draw(self) -> None:
        first = max(0, min(self._index - ROWS // 2, len(self._matches) - ROWS))
        rows = []
        for index, (name, help_text) in enumerate(self._matches[first : first + ROWS], first):
            style = "bold $accent" if index == self._index else ""
            row = Content(f"{name:<16} ").stylize(style) + Content(help_text).stylize(MUTED)
            rows.append(row)
        self.update(Content("\n").join(rows))
