"""The line above the transcript: the title, and what is special about this conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from chatapp.tui.text import one_line
from chatapp.tui.theme import MUTED

if TYPE_CHECKING:
    from chatapp.conversations.types import Conversation

PRIVATE = " PRIVATE "


class TitleLine(Static):
    """Title first; then tags and whether it has a persona; a private one says so before all."""

    DEFAULT_CSS = """
    TitleLine { height: 1; margin: 1 3 0 3; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__("", id="title", markup=False)

    def show(self, conversation: Conversation | None) -> None:
        """Describe a conversation; None is one that does not exist yet."""
        self.update(_described(conversation) if conversation is not None else "")


def _described(conversation: Conversation) -> Content:
    line = Content(one_line(conversation.title, 120)).stylize("bold")
    if conversation.private:
        mark = Content(PRIVATE).stylize("bold $background on $warning")
        line = (
            mark
            + Content(" ")
            + (line if conversation.title else Content(""))
            + Content("  memory is off").stylize(MUTED)
        )
    facts = ["archived"] * conversation.archived + [f"#{tag}" for tag in conversation.tags]
    facts += ["persona"] * bool(conversation.persona)
    return line + Content("".join(f"  {one_line(fact, 40)}" for fact in facts)).stylize(MUTED)
