"""The messages of one conversation. Only those near the reader are widgets, however long it is.

`entries` are all messages of the branch being read; the widgets show `entries[first:last]`.
Reaching an end of that window mounts more there and unmounts as many at the other end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from chatapp.tui.entries import Entry, Question
from chatapp.tui.text import plain
from chatapp.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from textual.widget import Widget

    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.widgets.answer import Answer
    from chatapp.tui.widgets.message_view import MessageView

STEP = 6
"""How many messages are mounted at first, and how many more each time an end is reached.

Every line that is added lays out all that is mounted: fewer widgets are quicker typing.
"""

MOST = 24
"""Above this many mounted messages those at the far end are unmounted."""

FOLLOWED = 12
"""So many stay mounted while the end is followed."""

KEPT = 2
"""So many stay mounted while an answer that is longer than the view is followed."""

FOLD_FROM = 1.5
"""An answer of so many times the rows of the view is folded to what is in sight."""

Complete = Callable[[Sequence[Entry]], Awaitable[None]]


async def _nothing(entries: Sequence[Entry]) -> None:
    """Before the store is open there is nothing to add to an entry."""


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
        & .more { height: 2; color: $text-muted; text-align: center; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="transcript.down"),
        Binding("k", "scroll_up", "Up", show=False, id="transcript.up"),
        Binding("home", "first", "First message", show=False, id="transcript.first"),
        Binding("end", "last", "Last message", show=False, id="transcript.last"),
    ]

    def __init__(self, promise: Callable[[], str]) -> None:
        """Make an empty one; `promise` says what leaves this machine, for the welcome."""
        super().__init__(id="transcript")
        self._promise = promise
        # Never lower than the view: `anchor()` would scroll a shorter content to below zero.
        self._messages = Vertical(Welcome(promise()))
        self.entries: list[Entry] = []
        self.complete: Complete = _nothing
        self._first = self._last = 0
        self._mounting = asyncio.Lock()
        self._moving = False
        self._first_seen: str | None = None

    def compose(self) -> ComposeResult:
        yield self._messages

    # Changing what is shown

    async def show(self, entries: Sequence[Entry]) -> None:
        """Replace what is shown by these messages, oldest first, and go to the end."""
        async with self._mounting:
            self.entries = list(entries)
            self._first_seen = None
            await self._mount_only(max(0, len(self.entries) - STEP), len(self.entries))
        self.anchor()
        self.call_after_refresh(self._fill_view)

    async def add(self, entry: Entry) -> None:
        """Append one message and follow it."""
        async with self._mounting:
            self.entries.append(entry)
            if self._last < len(self.entries) - 1:
                await self._mount_only(max(0, len(self.entries) - STEP), len(self.entries))
            else:
                await self.query(Welcome).remove()
                await self._messages.mount(self._view(entry))
                self._last = len(self.entries)
                if self._last - self._first > FOLLOWED:
                    await self._mount_range(self._last - FOLLOWED, self._last)
        self.anchor()

    async def extend(self, entries: Sequence[Entry]) -> None:
        """Append messages without moving the reader: they are mounted once the end is reached."""
        async with self._mounting:
            following = self.is_vertical_scroll_end and self._last == len(self.entries)
            self.entries += entries
            if following:
                # One that is mounted stays: the others are placed around it.
                first = min(max(self._first, len(self.entries) - FOLLOWED), self._last - 1)
                await self._mount_range(first, len(self.entries))
            else:
                await self._draw_ends()

    async def cut_from(self, entry: Entry) -> None:
        """Take this message and all after it off the screen."""
        if entry in self.entries:
            await self.show(self.entries[: self.entries.index(entry)])

    async def discard(self, entry: Entry) -> None:
        """Take a message off the screen; what stands around it stays."""
        if entry not in self.entries:
            return
        async with self._mounting:
            place = self.entries.index(entry)
            self.entries.remove(entry)
            if (view := self.view(entry)) is not None:
                await view.remove()
            self._first -= place < self._first
            self._last -= place < self._last

    async def note(self, text: str) -> None:
        """Show what a command said; it is no message and is not stored."""
        await self._messages.mount(Static(plain(text), classes="note", markup=False))
        self.anchor()

    def mark_first_seen(self, message_id: str | None) -> None:
        """Draw a line above this message: the model sees nothing before it."""
        first = self.entries[0].message_id if self.entries else None
        self._first_seen = message_id if message_id != first else None
        for view in self.views():
            view.mark_first_seen(view.entry.message_id == self._first_seen is not None)

    # What is there

    def views(self) -> list[MessageView]:
        """Return the mounted messages, oldest first."""
        from chatapp.tui.widgets.message_view import MessageView

        return [child for child in self._messages.children if isinstance(child, MessageView)]

    def view(self, entry: Entry) -> MessageView | None:
        """Return the widget that shows `entry`, if it is mounted."""
        return next((view for view in self.views() if view.entry is entry), None)

    def answer(self, state: AnswerState) -> Answer | None:
        """Return the widget that shows `state`, if it is mounted."""
        return next((answer for answer in self.answers() if answer.state is state), None)

    def answers(self) -> list[Answer]:
        """Return the mounted answers, oldest first."""
        from chatapp.tui.widgets.answer import Answer

        return [view for view in self.views() if isinstance(view, Answer)]

    def last_answer(self) -> AnswerState | None:
        """Return the newest answer of this conversation."""
        return next((e for e in reversed(self.entries) if not isinstance(e, Question)), None)

    def entry(self, message_id: str) -> Entry | None:
        """Return the message of the branch being read that has this id."""
        return next((e for e in self.entries if e.message_id == message_id), None)

    # Moving through it

    async def go_to(self, entry: Entry) -> None:
        """Bring a message of this branch into sight and select it."""
        place = self.entries.index(entry)
        async with self._mounting:
            if not self._first <= place < self._last:
                await self._mount_only(
                    max(0, place - STEP // 2), min(len(self.entries), place + STEP)
                )
        view = self.view(entry)
        if view is not None:
            self.release_anchor()
            view.focus(scroll_visible=False)
            self.call_after_refresh(self.scroll_to_widget, view, top=True, animate=False)

    async def go_by(self, entry: Entry, step: int) -> None:
        """Select the message `step` places from this one, if there is one."""
        place = self.entries.index(entry) + step if entry in self.entries else -1
        if not 0 <= place < len(self.entries):
            return
        target = self.view(self.entries[place])
        if target is None:
            await self.go_to(self.entries[place])
        else:
            target.focus()

    async def action_first(self) -> None:
        if self.entries:
            await self.go_to(self.entries[0])

    async def action_last(self) -> None:
        """Go to the end and follow it again."""
        if self._last < len(self.entries):
            await self.show(self.entries)
        self.anchor()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and not self.is_vertical_scroll_end:
            self._unfold()
        if new_value < old_value and new_value <= 1:
            self._reach(-STEP)
        elif new_value > old_value and new_value >= self.max_scroll_y - 1:
            self._reach(STEP)

    def on_answer_grown(self, event: Answer.Grown) -> None:
        """Keep few widgets while a long answer is followed: the rest is far above the view."""
        event.stop()
        following = self.is_vertical_scroll_end and self._last == len(self.entries)
        if event.answer.rows > FOLD_FROM * self.size.height and following and not self._moving:
            self._moving = True
            self.run_worker(self._fold(event.answer), exit_on_error=False)

    async def _fold(self, answer: Answer) -> None:
        try:
            await answer.fold(self.size.height)
            async with self._mounting:
                if self._last == len(self.entries) and self._last - self._first > KEPT:
                    await self._mount_range(self._last - KEPT, self._last)
        finally:
            self._moving = False

    def _unfold(self) -> None:
        """The reader goes up: make widgets again of what was folded."""
        for answer in self.answers():
            if answer.folded:
                self.run_worker(answer.unfold(), exit_on_error=False)

    def _reach(self, step: int) -> None:
        """Mount `step` more messages at the end of the window that the reader has come to."""
        more = self._first > 0 if step < 0 else self._last < len(self.entries)
        if more and not self._moving:
            self._moving = True
            self.run_worker(self._extend(step), exit_on_error=False)

    def _fill_view(self) -> None:
        """Mount more where one could not scroll up to ask for it: a short window, or its top."""
        if self.max_scroll_y <= 0 or self.scroll_y <= 0:
            self._reach(-STEP)

    async def _extend(self, step: int) -> None:
        entries = self.entries
        try:
            async with self._mounting:
                if entries is self.entries:
                    await self._slide(step)
        finally:
            self._moving = False
        self.call_after_refresh(self._fill_view)

    async def _slide(self, step: int) -> None:
        """Move the window by `step`; whatever the reader looks at keeps its place on the screen."""
        first, last = self._first, self._last
        if step < 0:
            first = max(0, first + step)
            last = min(last, first + MOST)
        else:
            self.release_anchor()  # else the end that is mounted now would be jumped to
            last = min(len(self.entries), last + step)
            first = max(first, last - MOST)
        looked_at = self._looked_at(first, last)
        before = looked_at.virtual_region.y if looked_at else 0
        all_seen = self.max_scroll_y <= 0
        await self._mount_range(first, last)
        if all_seen:
            self.anchor()  # the end was in sight as well: stay there
        elif looked_at is not None:
            self.call_after_refresh(self._put_back, looked_at, before)

    def _put_back(self, looked_at: MessageView, before: int) -> None:
        y = self.scroll_y + looked_at.virtual_region.y - before
        # Never at the very top while there is more above: one could not scroll up to ask for it.
        y = max(y, 2) if self._first else y
        self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _looked_at(self, first: int, last: int) -> MessageView | None:
        """Return the first message in sight among those that stay mounted."""
        stay = self.views()[max(0, first - self._first) : last - self._first]
        return next((view for view in stay if view.region.bottom > self.region.y), None)

    # Mounting

    async def _mount_only(self, first: int, last: int) -> None:
        await self.complete(self.entries[first:last])
        self._first, self._last = first, last
        views: list[Widget] = [self._view(entry) for entry in self.entries[first:last]]
        with self.app.batch_update():
            await self._messages.remove_children()
            await self._messages.mount_all(views or [Welcome(self._promise())])
            await self._draw_ends()

    async def _mount_range(self, first: int, last: int) -> None:
        """Mount entries[first:last] where part of them is mounted, unmount the others."""
        views, old_first, old_last = self.views(), self._first, self._last
        above, below = self.entries[first:old_first], self.entries[old_last:last]
        await self.complete([*above, *below])
        stay = views[max(0, first - old_first) : last - old_first]
        with self.app.batch_update():
            for view in views:
                if view not in stay:
                    await view.remove()
            await self._messages.mount_all([self._view(e) for e in above], before=stay[0])
            await self._messages.mount_all([self._view(e) for e in below], after=stay[-1])
            self._first, self._last = first, last
            await self._draw_ends()

    async def _draw_ends(self) -> None:
        """Say how many messages are not mounted before and after the window."""
        await self._messages.query(".more").remove()
        if self._first:
            text = f"{self._first:,} earlier messages, scroll up"
            await self._messages.mount(Static(text, classes="more", markup=False), before=0)
        if later := len(self.entries) - self._last:
            text = f"{later:,} later messages, scroll down"
            await self._messages.mount(Static(text, classes="more", markup=False))

    def _view(self, entry: Entry) -> MessageView:
        from chatapp.tui.widgets.answer import Answer  # Markdown: the first frame does without it
        from chatapp.tui.widgets.user_message import UserMessage

        view = UserMessage(entry) if isinstance(entry, Question) else Answer(entry)
        view.mark_first_seen(entry.message_id == self._first_seen is not None)
        return view
