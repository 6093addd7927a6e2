"""All branches of a conversation: choose a message, and the branch through it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from chatapp.tui.branches import BranchRow
from chatapp.tui.text import counted, one_line
from chatapp.tui.theme import MUTED

DEEPEST = 12
"""Branches that leave branches are indented so far and no further."""


class TreeScreen(ModalScreen[str | None]):
    """Returns the id of the chosen message, or None."""

    DEFAULT_CSS = """
    TreeScreen {
        align: center middle;
        & > Vertical {
            width: 94%;
            max-width: 110;
            height: 90%;
            background: $background;
            border: round $accent;
            padding: 0 1;
        }
        & OptionList {
            height: 1fr;
            padding: 0;
            border: none;
            background: transparent;
            text-wrap: nowrap;
            text-overflow: ellipsis;
            scrollbar-size-vertical: 1;
        }
        & Static { color: $text-muted; padding: 0 1; height: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", id="tree.close"),
        Binding("right,n", "fork(1)", "Next branch", id="tree.next"),
        Binding("left,p", "fork(-1)", "Branch before", id="tree.previous"),
    ]

    def __init__(self, rows: Sequence[BranchRow], selected: str | None) -> None:
        super().__init__()
        self._rows = rows
        self._selected = selected

    def compose(self) -> ComposeResult:
        forks = sum(row.begins for row in self._rows)
        with Vertical():
            branches = counted(forks + 1, "branch", "branches")
            yield Static(f"{counted(len(self._rows), 'message')}, {branches}", markup=False)
            yield OptionList(*(Option(_entry(row)) for row in self._rows), markup=False)
            yield Static("↑/↓ move   ←/→ forks   Enter read this branch   Esc close", markup=False)

    def on_mount(self) -> None:
        ids = [row.message.id for row in self._rows]
        options = self.query_one(OptionList)
        options.highlighted = ids.index(self._selected) if self._selected in ids else len(ids) - 1
        options.focus()

    def action_fork(self, step: int) -> None:
        """Go to the next place in this direction where a branch begins."""
        options = self.query_one(OptionList)
        place = (options.highlighted or 0) + step
        while 0 <= place < len(self._rows):
            if self._rows[place].begins:
                options.highlighted = place
                return
            place += step

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._rows[event.option_index].message.id)


def _entry(row: BranchRow) -> Content:
    depth = min(row.depth, DEEPEST)
    guide = "│ " * (depth - row.begins) + ("├─" if row.begins else "")
    mark = "●" if row.current else "○"
    who = "you" if row.message.role == "user" else "answer"
    line = Content(f"{guide}{mark} ").stylize("$accent" if row.current else MUTED)
    text = Content(one_line(row.message.text, 200) or "(empty)")
    named = Content(f"{who:<7}").stylize(MUTED)
    return line + named + (text if row.current else text.stylize(MUTED))
