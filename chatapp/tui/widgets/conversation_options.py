"""The selectable rows of the sidebar; keys act on the highlighted conversation."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import OptionList


class ConversationOptions(OptionList):
    """One option a conversation; the option's id is the conversation's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "act('rename')", "Rename", id="conversations.rename"),
        Binding("p", "act('pin')", "Pin", id="conversations.pin", tooltip="Pin to the top, or not"),
        Binding("a", "act('archive')", "Archive", id="conversations.archive",
                tooltip="Take it out of the list; search finds it"),
        Binding("t", "act('tag')", "Tags", id="conversations.tag", tooltip="Change its tags"),
        Binding("x", "act('export')", "Export", id="conversations.export",
                tooltip="Write it to a file"),
        Binding("delete,d", "act('delete')", "Delete", id="conversations.delete"),
        Binding("u", "act('undo')", "Undo", id="conversations.undo", tooltip="Undo delete"),
    ]  # fmt: skip

    class Act(Message):
        """The key of an action, such as `rename`, was pressed on a conversation."""

        def __init__(self, action: str, conversation_id: str) -> None:
            super().__init__()
            self.action = action
            self.conversation_id = conversation_id

    def action_act(self, action: str) -> None:
        option = self.highlighted_option
        self.post_message(self.Act(action, option.id or "" if option else ""))
