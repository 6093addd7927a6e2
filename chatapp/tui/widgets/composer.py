"""The input: grows with its text, sends on Enter, remembers what was sent, survives huge pastes."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from chatapp.assistant.text import sanitize_text
from chatapp.tui.completion import path_choices, path_in_the_making, words_with_at
from chatapp.tui.entries import Question
from chatapp.tui.widgets.command_menu import CommandMenu

FOLD_CHARACTERS = 4_000
"""Longer pastes show as one short marker and are unfolded when sent: laying out a megabyte on
every key press would make typing crawl."""


class Composer(TextArea):
    """Where the person types."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 3;
        max-height: 10;
        border: round $foreground 25%;
        background: transparent;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus { border: round $accent; }
        & .text-area--cursor-line { background: transparent; }
        & .text-area--placeholder { color: $text-muted; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="composer.send"),
        Binding("ctrl+j,shift+enter", "newline", "New line", id="composer.newline"),
        Binding("up", "older", "Earlier message", show=False, id="composer.older"),
        Binding("down", "newer", "Later message", show=False, id="composer.newer"),
        # Ctrl+Z, the key of TextArea, suspends the app.
        Binding("ctrl+underscore", "undo", "Undo typing", id="composer.undo", show=False),
        Binding("tab", "complete", "Complete command", show=False, id="composer.complete"),
    ]

    class Sent(Message):
        """`text` (pastes unfolded) was sent and has left the input.

        `instead_of` is the earlier question that it is an edited version of, `left` what the input
        showed right after.
        """

        def __init__(
            self, text: str, instead_of: Question | None = None, *, left: str = ""
        ) -> None:
            super().__init__()
            self.text = text
            self.instead_of = instead_of
            self.left = left

    class HelpRequested(Message):
        """`?` was typed into the empty input."""

    def __init__(self, menu: CommandMenu) -> None:
        super().__init__(
            id="composer",
            placeholder="Ask anything, or ? for help",
            highlight_cursor_line=False,
        )
        self.menu = menu
        self.sent: list[str] = []
        self._position = 0
        self._draft = ""
        self._folded: dict[str, str] = {}
        self._folds = 0
        self._editing: Question | None = None
        self.quoted: set[str] = set()
        """Words with an @ that were pasted or sent before: they name no files to send along."""
        self._aside = ""  # what was typed before an earlier message was taken for editing

    @property
    def draft(self) -> str:
        """What is typed and not sent, pastes unfolded; not an earlier message being edited."""
        return self._unfolded(self.text if self._editing is None else self._aside)

    @property
    def value(self) -> str:
        """The text as it will be sent."""
        return self._unfolded(self.text)

    def _unfolded(self, text: str) -> str:
        for marker, pasted in self._folded.items():
            text = text.replace(marker, pasted)
        return text

    def set_draft(self, text: str) -> None:
        """Show `text` (folded markers allowed) with the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)
        self._position = len(self.sent)

    def take_draft(self, left: str | None = None) -> str:
        """Return what is typed and not sent, and empty the input.

        What was typed after `left` stays: it was meant for what comes next.
        """
        since = "" if left is None else self.text.removeprefix(left)
        draft = self.draft if left is None else self._unfolded(left)
        self.set_draft(since)
        return draft

    def restore_draft(self, text: str) -> None:
        """Show a stored draft before what was typed since; folded where it is long: a paste."""
        if len(text) > FOLD_CHARACTERS:
            self.quoted |= words_with_at(text)
        if text:
            self._put_before(text)

    def _put_before(self, text: str) -> None:
        since = self.text
        self.set_draft(f"{self._fold(text)}\n{since}" if since else self._fold(text))

    def remember(self, sent: list[str]) -> None:
        """Replace the history that up and down walk through, oldest first."""
        self.sent = sent
        self._position = len(sent)
        for text in sent:  # the files that they named are named without the @ there
            self.quoted |= words_with_at(text)

    def action_send(self) -> None:
        """Send the text, or take the highlighted choice if it is not complete yet."""
        if (chosen := self._choice()) and chosen.replace('"', "") != self._typed():
            self._take(chosen)
            return
        if text := self.value.strip():
            # Cleared at once: what is typed from here on belongs to the next message.
            # Other markers stay: they may stand in the draft of another conversation.
            self._folded = {m: pasted for m, pasted in self._folded.items() if m not in self.text}
            instead_of = self._editing
            self._clear()
            self.post_message(self.Sent(text, instead_of, left=self.text))

    def accept_sent(self, text: str) -> None:
        """Keep a message that was taken in the history."""
        if not self.sent or self.sent[-1] != text:
            self.sent.append(text)
        self._position = len(self.sent)

    def begin_edit(self, question: Question) -> None:
        """Take an earlier question for editing; what was typed waits until that is over."""
        if self._editing is None:
            self._aside = self.text
        self._editing = question
        self.set_draft(self._fold(question.text))
        self.border_title = "editing an earlier message, Esc leaves it as it was"

    def leave_edit(self) -> bool:
        """Leave off editing and show what was typed before; say whether anything was edited."""
        if self._editing is None:
            return False
        self._clear()
        return True

    def _clear(self) -> None:
        """Empty the input; after an edit, show what was typed before."""
        self.set_draft(self._aside)
        self._editing, self._aside, self.border_title = None, "", None

    def give_back(self, text: str, *, instead_of: Question | None = None) -> None:
        """Put a message that could not be sent back, before what was typed since."""
        if instead_of is not None:
            self.begin_edit(instead_of)
            self.set_draft("")
        self._put_before(text)

    def action_newline(self) -> None:
        self.insert("\n")

    def action_complete(self) -> None:
        """Complete the command or path, else move the focus on like Tab everywhere."""
        if chosen := self._choice():
            self._take(chosen)
        else:
            self.screen.focus_next()

    def complete(self) -> None:
        """Show what the command or path at the cursor may go on to."""
        path = self._path()
        if path is None:
            self.menu.filter(self.text)
            return
        self.run_worker(self._complete_path(path[1]), exclusive=True, exit_on_error=False)

    async def _complete_path(self, typed: str) -> None:
        choices = await asyncio.to_thread(path_choices, typed)
        path = self._path()
        if path is not None and path[1] == typed:  # else more was typed meanwhile
            self.menu.show(choices)

    def _path(self) -> tuple[int, str] | None:
        """Return the column of the @ before the cursor and the path after it, if there is one."""
        row, column = self.cursor_location
        return path_in_the_making(self.document.get_line(row)[:column])

    def _typed(self) -> str:
        """Return the command or path at the cursor as far as it is typed."""
        path = self._path()
        return self.text.strip() if path is None else "@" + path[1]

    def _choice(self) -> str:
        """Return the highlighted choice; nothing where it does not go on from what is typed.

        The menu lags behind the keys, so it may still offer what an earlier text went on to.
        """
        chosen, typed = self.menu.chosen or "", self._typed()
        goes_on = chosen.replace('"', "").lower().startswith(typed.lower())
        return chosen if typed and goes_on else ""

    def _take(self, chosen: str) -> None:
        """Put the choice in the place of what was typed of it; a folder may go on."""
        path = self._path()
        if path is None:
            self.set_draft(f"{chosen} ")
            return
        self.quoted -= words_with_at(chosen)
        row, column = self.cursor_location
        after = "" if chosen.endswith("/") else " "
        self.replace(chosen + after, (row, path[0]), (row, column))

    def action_older(self) -> None:
        """Move up in the menu, the text or, from its first line, the history."""
        if self.menu.display:
            self.menu.move(-1)
        elif self.cursor_at_first_line and self._position > 0:
            self._recall(self._position - 1)
        else:
            self.action_cursor_up()

    def action_newer(self) -> None:
        """Move down in the menu, the text or, from its last line, the history."""
        if self.menu.display:
            self.menu.move(1)
        elif self.cursor_at_last_line and self._position < len(self.sent):
            self._recall(self._position + 1)
        else:
            self.action_cursor_down()

    def _recall(self, position: int) -> None:
        if self._position == len(self.sent):
            self._draft = self.text
        at_end = position == len(self.sent)
        self.set_draft(self._draft if at_end else self._fold(self.sent[position]))
        self._position = position

    def _fold(self, text: str) -> str:
        """Return `text`, or a marker that stands for it when it is long."""
        if len(text) <= FOLD_CHARACTERS:
            return text
        self._folds += 1
        marker = f"[pasted text {self._folds}: {len(text):,} characters]"
        self._folded[marker] = text
        return marker

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert the pasted text, cleaned of terminal escapes and folded when long."""
        event.prevent_default()
        event.stop()
        text = sanitize_text(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        self.quoted |= words_with_at(text)
        self.insert(self._fold(text))

    async def _on_key(self, event: events.Key) -> None:
        if event.character == "?" and not self.text:
            event.prevent_default()
            event.stop()
            self.post_message(self.HelpRequested())
            return
        bound = None if event.is_printable else self.screen.active_bindings.get(event.key)
        if bound is not None and bound.node is self:
            # At once: on its way up to the app, keys that were pressed later would overtake it.
            event.prevent_default()
            event.stop()
            await self.run_action(bound.binding.action)
            return
        await super()._on_key(event)
        if event.is_printable and (path := self._path()) is not None:
            self.quoted.discard(path[1])  # typed by hand it does name a file
