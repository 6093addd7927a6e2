"""The list of conversations, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from chatapp.tui.text import one_line
from chatapp.tui.theme import MUTED

if TYPE_CHECKING:
    from textual.widgets import OptionList

    from chatapp.conversations.types import Conversation
    from chatapp.tui.widgets.conversation_options import ConversationOptions

TITLE_CHARACTERS = 22
UNTITLED = "New conversation"
PINNED = "★ "


class Sidebar(Vertical):
    """Title, age and an interrupted mark for each conversation."""

    DEFAULT_CSS = """
    Sidebar {
        width: 28;
        height: 1fr;
        padding: 1 1 0 1;
        border-right: vkey $foreground 10%;
        &.-hidden { display: none; }
        & > Static { color: $text-muted; padding: 0 1; height: 1; margin-bottom: 1; }
        & > ConversationOptions {
            height: 1fr;
            padding: 0;
            border: none;
            background: transparent;
            scrollbar-size-vertical: 1;
            &:focus { border: none; }
            & > .option-list--option { padding: 0 1; }
            & > .option-list--option-highlighted { background: $surface; color: $foreground; }
            &:focus > .option-list--option-highlighted { background: $accent 20%; }
        }
    }
    """

    class Chosen(Message):
        """The person wants to read this conversation."""

        def __init__(self, conversation_id: str) -> None:
            super().__init__()
            self.conversation_id = conversation_id

    def __init__(self) -> None:
        super().__init__(id="sidebar")
        self.conversations: list[Conversation] = []
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        yield Static("Conversations", markup=False)

    def show(
        self,
        conversations: Sequence[Conversation],
        *,
        current: str | None,
        interrupted: Collection[str] = (),
    ) -> None:
        """List the conversations with `current` highlighted; `interrupted` ids get a mark."""
        from textual.widgets.option_list import Option

        now = datetime.now(UTC)
        drawn = (
            list(conversations),
            current,
            set(interrupted),
            now.replace(second=0, microsecond=0),
        )
        if drawn == self._drawn:
            return  # another window's writes and drafts come every second
        self._drawn = drawn
        self.conversations = list(conversations)
        options = self._options()
        here = options.highlighted_option
        chosen = here.id if here is not None and options.has_focus else current
        options.clear_options()
        options.add_options(
            Option(_entry(item, now, item.id == current, item.id in interrupted), id=item.id)
            for item in conversations
        )
        ids = [item.id for item in conversations]
        options.highlighted = ids.index(chosen) if chosen in ids else None

    def focus_list(self) -> None:
        """Go to the conversations."""
        self._options().focus()

    def _options(self) -> ConversationOptions:
        """Return the list, made when it is first needed: the first frame does without it."""
        from chatapp.tui.widgets.conversation_options import ConversationOptions

        if not self.query(ConversationOptions):
            self.mount(ConversationOptions(markup=False))
        return self.query_one(ConversationOptions)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            self.post_message(self.Chosen(event.option_id))


def _entry(item: Conversation, now: datetime, current: bool, interrupted: bool) -> Content:
    mark = PINNED if item.pinned else ""
    title = Content(mark + (one_line(item.title, TITLE_CHARACTERS - len(mark)) or UNTITLED))
    if current:
        title = title.stylize("bold $accent")
    marks = ["interrupted"] * interrupted + ["private"] * item.private
    details = " · ".join([age(item.updated_at, now), *marks, *(f"#{tag}" for tag in item.tags)])
    shown = one_line(details, TITLE_CHARACTERS + 2)
    return title + Content("\n") + Content(shown).stylize(MUTED)


def age(timestamp: str, now: datetime) -> str:
    """Return how long ago an ISO 8601 time was, in the largest whole unit."""
    seconds = (now - datetime.fromisoformat(timestamp)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "now"
