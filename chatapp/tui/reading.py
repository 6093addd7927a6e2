"""Which conversation is on the screen, and what can be done with it and with its neighbours.

One part of the chat screen (`chat.reading`); the running answer is the other (`chat.answering`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from chatapp.tui import actions
from chatapp.tui.entries import Entry, Question
from chatapp.tui.errors import Problem, problem_of
from chatapp.tui.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.timer import Timer

    from chatapp.assistant.assistant import Assistant
    from chatapp.conversations.types import Message
    from chatapp.tui.library import Library
    from chatapp.tui.screens.chat import ChatScreen


log = logging.getLogger(__name__)

DRAFT_SECONDS = 0.5
"""A crash costs at most so much of what was typed."""


class Deleted(NamedTuple):
    """What `undo` brings back: a conversation, or one message of it and what followed."""

    conversation_id: str
    message_id: str | None = None


class Reading:
    """Opens, renames, deletes and restores conversations; `conversation_id` is the one shown."""

    def __init__(self, chat: ChatScreen) -> None:
        self._chat = chat
        self.library: Library | None = None
        self.conversation_id: str | None = None
        self.switching = asyncio.Lock()
        """Held while the transcript is replaced: a message sent meanwhile is not painted over."""
        self._deleted: list[Deleted] = []
        self._draft_timer: Timer | None = None
        self._saved_draft = ""
        self.left: str | None = None
        """While a command runs, what the input held when it was sent: the rest is for after it."""

    async def begin(self, assistant: Assistant, *, resume: str | None) -> None:
        """Show the conversation to resume, else the last one, unless a message was sent already."""
        from chatapp.tui.in_step import InStep
        from chatapp.tui.library import Library

        chat = self._chat
        self.library = Library(assistant.store)
        chat.transcript.complete = self.library.complete
        chat.menu.commands = actions.command_rows()
        if notices := "\n".join(assistant.store.notices):
            chat.trouble(Problem("The conversations were repaired", notices), retry=False)
        async with self.switching:
            if chat.answering.turn is None and not chat.transcript.entries:
                await self._resume(self.library, resume)
                await self._restore_draft()
        await self.refresh_listing()
        InStep(chat, assistant.store).start()

    async def _resume(self, library: Library, wanted: str | None) -> None:
        """Show the wanted conversation, or the last one; what was typed already stays."""
        from chatapp.conversations.types import NotFound

        if wanted is not None:
            try:
                await self._show(wanted)
                return
            except NotFound as error:
                problem = problem_of("This conversation cannot be opened", error)
                self._chat.trouble(problem, retry=False)
        latest = await library.latest_id()
        # Back to where a crash may have ended it: a new conversation with a message half typed.
        begun = bool(await library.draft(None)) and not (latest and await library.draft(latest))
        await self._show(None if begun else latest)

    async def open(self, conversation_id: str | None) -> None:
        """Show a conversation (None: an empty, new one) and keep the draft of the one left."""
        composer = self._chat.composer
        async with self.switching:
            composer.leave_edit()
            if self.library is not None:
                await self._save(self.conversation_id, composer.take_draft(self.left))
            try:
                await self._show(conversation_id)
            finally:
                await self._restore_draft()
        self._chat.set_focus(composer)
        await self.refresh_listing()

    async def _show(self, conversation_id: str | None) -> None:
        """Show a conversation. Raises NotFound before anything has changed."""
        chat, turn = self._chat, self._chat.answering.turn
        conversation, interrupted = None, None
        entries: list[Entry] = []
        if conversation_id is not None and self.library is not None:
            loaded = await self.library.load(conversation_id)
            conversation, entries = loaded.conversation, loaded.entries
            interrupted = loaded.interrupted
        self.conversation_id = conversation_id
        chat.select(None)
        await chat.withdraw_recovery()
        if turn is not None and turn.conversation_id == conversation_id:
            running = turn.state
            entries = [running if e.message_id == running.message_id else e for e in entries]
        elif interrupted is not None:
            chat.offer_recovery(interrupted)
        chat.answering.offer_again()
        await chat.transcript.show(entries)
        chat.composer.remember([entry.text for entry in entries if isinstance(entry, Question)])
        chat.describe(conversation)
        self.draw_window()
        last = chat.transcript.last_answer()
        chat.status.set_cost(last.usage if last else None, last.seconds if last else 0.0)

    def draft_changed(self) -> None:
        """Store what is being typed within a moment: it shall outlive a crash."""
        if self._draft_timer is None:
            self._draft_timer = self._chat.set_timer(DRAFT_SECONDS, self._save_in_time)

    async def _save_in_time(self) -> None:
        self._draft_timer = None
        if self.switching.locked():
            self.draft_changed()  # it is not decided yet in which conversation this is typed
        else:
            await self.save_draft()

    async def save_draft(self) -> None:
        """Store what is typed and not sent, if that is not stored already."""
        if self._draft_timer is not None:
            self._draft_timer.stop()
            self._draft_timer = None
        await self._save(self.conversation_id, self._chat.composer.draft)

    async def _save(self, conversation_id: str | None, draft: str) -> None:
        from chatapp.conversations.types import StorageError

        if self.library is None or draft == self._saved_draft:
            return
        self._saved_draft = draft
        try:
            await self.library.save_draft(conversation_id, draft)
        except StorageError as error:  # a file that can only be read must not stop anybody typing
            log.warning("the draft was not stored: %s", error)

    async def add_to_draft(self, conversation_id: str | None, text: str) -> None:
        """Keep a message that was not sent for when its conversation is opened again."""
        if self.library is None:
            return
        waiting = await self.library.draft(conversation_id)
        await self.library.save_draft(conversation_id, f"{text}\n{waiting}" if waiting else text)

    async def _restore_draft(self) -> None:
        """Show what was typed here before, before what has been typed since."""
        if self.library is None:
            return
        stored = await self.library.draft(self.conversation_id)
        self._saved_draft = stored
        self._chat.composer.restore_draft(stored)
        self.draft_changed()

    async def read_branch(self, message_id: str) -> None:
        """Read the branch through this message from now on, and go to the message."""
        if self.library is None:
            return
        async with self.switching:
            await self._show(await self.library.select(message_id))
        if (entry := self._chat.transcript.entry(message_id)) is not None:
            await self._chat.transcript.go_to(entry)

    async def reload(self) -> None:
        """Show the conversation as it is stored now."""
        async with self.switching:
            await self._show(self.conversation_id)

    async def extend(self, conversation_id: str, messages: Sequence[Message]) -> None:
        """Append messages that another window stored; whoever reads an older one stays there.

        Where another conversation was opened or a message sent meanwhile, nothing is: the next
        look finds what is still missing.
        """
        from chatapp.tui.library import entry_of

        entries = [entry_of(message) for message in messages]
        async with self.switching:
            if conversation_id != self.conversation_id or self._chat.answering.turn is not None:
                return
            await self._chat.transcript.extend(entries)
            for entry in entries:
                if isinstance(entry, Question):
                    self._chat.composer.accept_sent(entry.text)
        self.draw_window()

    def draw_window(self) -> None:
        """Draw the line above which the model no longer sees; counting takes the model's thread."""
        # The measuring may end when the screen is already gone: that is no reason to fail.
        self._chat.run_worker(
            self._draw_window(), group="window", exclusive=True, exit_on_error=False
        )

    async def _draw_window(self) -> None:
        assistant, conversation_id = self._chat.backend.opened, self.conversation_id
        if assistant is None or conversation_id is None or self._chat.answering.here:
            return
        try:
            window = await assistant.window(conversation_id)
        except Exception:
            log.exception("the context window was not measured")
            return
        if conversation_id == self.conversation_id:
            self._chat.transcript.mark_first_seen(window.first_visible)

    async def name_new(self, conversation_id: str) -> None:
        """The new conversation has its row now: it gets its title and its place in the list.

        What was stored of its first message while that was typed must not wait for the next new
        conversation; what has been typed since is the draft of this one.
        """
        self.conversation_id = conversation_id
        await self._save(None, "")
        self.draft_changed()
        await self.arrive(conversation_id)

    async def arrive(self, conversation_id: str | None) -> None:
        """Catch up with a command that may have opened, renamed or restored a conversation."""
        if conversation_id != self.conversation_id:
            await self.open(conversation_id)
            return
        if conversation_id is not None and self.library is not None:
            conversation = await self.library.conversation(conversation_id)
            self._chat.describe(conversation)
            if conversation.tip != self._tip and not self._chat.answering.here:
                await self.reload()
        await self.refresh_listing()

    async def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation a new title."""
        if self.library is not None:
            await self.library.rename(conversation_id, title)
            await self.arrive(self.conversation_id)

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation; it can be brought back until the app is left."""
        if self.library is None:
            return
        gone = await self.library.delete(conversation_id)
        self._deleted.append(Deleted(conversation_id))
        if conversation_id == self.conversation_id:
            await self.open(None)
        else:
            await self.refresh_listing()
        self._chat.hint(f"Deleted “{one_line(gone.title, 40)}”. /undo brings it back.")

    async def restore_deleted(self) -> bool:
        """Bring back and open what was deleted last; say whether there was anything."""
        if self.library is None or not self._deleted:
            return False
        gone = self._deleted.pop()
        if gone.message_id is None:
            await self.library.restore(gone.conversation_id)
            await self.open(gone.conversation_id)
            return True
        await self.library.restore_message(gone.message_id)
        if gone.conversation_id != self.conversation_id:
            await self.open(gone.conversation_id)
        await self.read_branch(gone.message_id)
        return True

    async def delete_message(self, message_id: str) -> None:
        """Delete a message and what follows it; both can be brought back until the app is left."""
        if self.library is None:
            return
        async with self.switching:
            conversation_id = await self.library.delete_message(message_id)
            self._deleted.append(Deleted(conversation_id, message_id))
            await self._show(conversation_id)
        self._chat.hint("Deleted, with all that followed it. /undo brings it back.")

    async def fork(self, message_id: str) -> None:
        """Go on from this message in a new conversation; this one stays as it is."""
        if self.library is not None:
            await self.open(await self.library.fork(message_id))
            self._chat.hint("This is a copy up to there; the other conversation is unchanged.")

    @property
    def _tip(self) -> str | None:
        """The id of the last message on the screen."""
        entries = self._chat.transcript.entries
        return entries[-1].message_id if entries else None

    async def refresh_listing(self) -> None:
        """Read the list of conversations again."""
        if self.library is None:
            return
        conversations, cut_off = await self.library.listing()
        turn = self._chat.answering.turn
        if turn is not None and turn.conversation_id is not None:
            cut_off.discard(turn.conversation_id)
        self._chat.sidebar.show(conversations, current=self.conversation_id, interrupted=cut_off)
