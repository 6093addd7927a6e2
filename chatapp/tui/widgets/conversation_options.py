"""The selectable rows of the sidebar; keys act on the highlighted conversation."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import OptionList


class ConversationOptions(OptionList):
    """One option a conversation; the option's id is the conversation's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,d", "act('delete')", "Delete", id="conversations.delete"),
        Binding("u", "act('undo')", "Undo delete", id="conversations.undo"),
        Binding("r", "act('rename')", "Rename", id="conversations.rename"),
    ]

    class Act(Message):
        """`delete`, `undo` or `rename` was pressed on a conversation."""

        def __init__(self, action: str, conversation_id: str) -> None:
            super().__init__()
            self.action = action
            self.conversation_id = conversation_id

    def action_act(self, action: str) -> None:
        option = self.highlighted_option
        self.post_message(self.Act(action, option.id or "" if option else ""))
