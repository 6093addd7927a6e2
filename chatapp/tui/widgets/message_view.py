"""What questions and answers have in common: they can be selected, and keys act on them."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from chatapp.tui.entries import Entry
from chatapp.tui.widgets.version_line import VersionLine


def _key(
    keys: str, action: str, name: str, label: str, says: str, *, show: bool = False
) -> Binding:
    return Binding(keys, action, label, id=f"message.{name}", tooltip=says, show=show)


class MessageView(Vertical, can_focus=True):
    """One message. Its keys post `Act`; what they do stands in `chatapp.tui.actions`."""

    DEFAULT_CSS = """
    MessageView {
        height: auto;
        margin: 0 0 1 0;
        &.-first-seen {
            border-top: dashed $warning;
            border-title-color: $warning;
            border-title-align: center;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        _key("up,k", "neighbour(-1)", "up", "Before", "Message before"),
        _key("down,j", "neighbour(1)", "down", "After", "Message after"),
        _key("left", "act('previous_version')", "previous", "‹", "Version before this one"),
        _key("right", "act('next_version')", "next", "›", "Version after this one"),
        _key("e", "act('edit')", "edit", "Edit", "Edit the question and ask again", show=True),
        _key("f", "act('fork')", "fork", "Fork", "Fork into a new conversation", show=True),
        _key("t", "act('tree')", "tree", "Tree", "Tree of all branches", show=True),
        _key("d,delete", "act('delete_message')", "delete", "Delete", "Delete it and what follows"),
        _key("u", "act('undo')", "undo", "Undo", "Bring back what was deleted last"),
        _key("c,y", "act('copy')", "copy", "Copy", "Copy the text", show=True),
        _key("x", "act('code')", "code", "Code", "Copy a code block; again: the next one"),
        _key("i", "act('details')", "details", "Details", "Tokens, speed, model, sources"),
    ]

    class Selected(Message):
        """This message got the focus."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    class Act(Message):
        """The action `name` was asked for on this message."""

        def __init__(self, name: str, entry: Entry) -> None:
            super().__init__()
            self.name = name
            self.entry = entry

    class NeighbourWanted(Message):
        """The person moves on: -1 to the message before, 1 to the one after."""

        def __init__(self, entry: Entry, step: int) -> None:
            super().__init__()
            self.entry = entry
            self.step = step

    def __init__(self, entry: Entry, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.entry = entry

    def redraw_versions(self) -> None:
        """Show anew which version of how many this message is."""
        self.query_one(VersionLine).redraw()

    def mark_first_seen(self, marked: bool) -> None:
        """Draw a line above: this is the first message that the model still sees."""
        self.set_class(marked, "-first-seen")
        self.border_title = "the model no longer sees what stands above" if marked else None

    def on_version_line_clicked(self, event: VersionLine.Clicked) -> None:
        event.stop()
        self.action_act("previous_version" if event.step < 0 else "next_version")

    def on_focus(self) -> None:
        self.post_message(self.Selected(self.entry))

    def action_act(self, name: str) -> None:
        self.post_message(self.Act(name, self.entry))

    def action_neighbour(self, step: int) -> None:
        self.post_message(self.NeighbourWanted(self.entry, step))
