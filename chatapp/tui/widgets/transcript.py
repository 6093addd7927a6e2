"""The messages of one conversation. Only the newest are widgets, so a long chat stays quick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from chatapp.tui.text import plain
from chatapp.tui.widgets.user_message import UserMessage
from chatapp.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from textual.widget import Widget

    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.widgets.answer import Answer

    Entry = str | AnswerState  # a message of the person, or an answer

WINDOW = 12
"""How many messages are mounted at first, and how many more each time the top is reached."""

MOST = 60
"""Above this many widgets the oldest are unmounted while the person reads at the bottom."""


class Transcript(VerticalScroll, can_focus=True):
    """Sticks to the bottom while text arrives, until the person scrolls up."""

    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        padding: 1 0 0 1;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        & > Vertical { height: auto; min-height: 100%; align-vertical: bottom; }
        & .note { height: auto; color: $text-muted; padding: 0 2; margin-bottom: 1; }
        & .earlier { height: 2; color: $text-muted; text-align: center; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="transcript.down"),
        Binding("k", "scroll_up", "Up", show=False, id="transcript.up"),
    ]

    def __init__(self) -> None:
        super().__init__(id="transcript")
        # Never lower than the view: `anchor()` would scroll a shorter content to below zero.
        self._messages = Vertical(Welcome())
        self.entries: list[Entry] = []
        self._first = 0
        self._extending = False

    def compose(self) -> ComposeResult:
        yield self._messages

    async def show(self, entries: Sequence[Entry]) -> None:
        """Replace what is shown by these messages, oldest first, and go to the end."""
        self.entries = list(entries)
        self._first = max(0, len(self.entries) - WINDOW)
        with self.app.batch_update():
            await self._messages.remove_children()
            await self._messages.mount_all(self._widgets(self._first, len(self.entries)))
        self.anchor()
        self.call_after_refresh(self._fill_view)

    async def add(self, entry: Entry) -> None:
        """Append one message and follow it."""
        self.entries.append(entry)
        await self.query(Welcome).remove()
        await self._messages.mount(_widget(entry))
        await self._forget_oldest()
        self.anchor()

    async def note(self, text: str) -> None:
        """Show what a command said; it is no message and is not stored."""
        await self._messages.mount(Static(plain(text), classes="note", markup=False))
        self.anchor()

    async def remove_answer(self, state: AnswerState) -> None:
        """Take an answer off the screen (a new one replaces it)."""
        if state in self.entries:
            self.entries.remove(state)
        if (answer := self.answer(state)) is not None:
            await answer.remove()

    def answer(self, state: AnswerState) -> Answer | None:
        """Return the widget that shows `state`, if it is mounted."""
        return next((a for a in self.answers() if a.state is state), None)

    def answers(self) -> list[Answer]:
        """Return the mounted answers, oldest first."""
        from chatapp.tui.widgets.answer import Answer

        return list(self.query(Answer))

    def last_answer(self) -> AnswerState | None:
        """Return the newest answer of this conversation."""
        return next((e for e in reversed(self.entries) if not isinstance(e, str)), None)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value <= 1:
            self._reach_back()

    def _reach_back(self) -> None:
        """Mount earlier messages, if there are any."""
        if self._first > 0 and not self._extending:
            self._extending = True
            self.run_worker(self._extend(), exit_on_error=False)

    def _fill_view(self) -> None:
        """Mount more when the window does not fill the view: else one could not scroll up."""
        if self.max_scroll_y <= 0:
            self._reach_back()

    async def _extend(self) -> None:
        """Mount the window before the first shown message and keep the reader's place."""
        try:
            reading = self.max_scroll_y > 0
            place = next(w for w in self._messages.children if not w.has_class("earlier"))
            first = max(0, self._first - WINDOW)
            widgets = self._widgets(first, self._first)
            self._first = first
            with self.app.batch_update():
                await self.query(".earlier").remove()
                await self._messages.mount_all(widgets, before=place)
            if reading:
                self.call_after_refresh(self.scroll_to_widget, place, top=True, animate=False)
        finally:
            self._extending = False
        self.call_after_refresh(self._fill_view)

    async def _forget_oldest(self) -> None:
        shown = [w for w in self._messages.children if not w.has_class("earlier", "note")]
        if len(shown) <= MOST:
            return
        self._first += WINDOW
        with self.app.batch_update():
            for widget in shown[:WINDOW]:
                await widget.remove()
            if not self.query(".earlier"):
                await self._messages.mount(_earlier(self._first), before=0)

    def _widgets(self, start: int, end: int) -> list[Widget]:
        if not self.entries:
            return [Welcome()]
        widgets = [_widget(entry) for entry in self.entries[start:end]]
        return [_earlier(start), *widgets] if start else widgets


def _earlier(count: int) -> Static:
    return Static(f"{count} earlier messages, scroll up", classes="earlier", markup=False)


def _widget(entry: Entry) -> Widget:
    from chatapp.tui.widgets.answer import Answer  # Markdown: the first frame does without it

    return UserMessage(entry) if isinstance(entry, str) else Answer(entry)
