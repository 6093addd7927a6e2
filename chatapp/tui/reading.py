"""Which conversation is on the screen, and what can be done with it and with its neighbours.

One part of the chat screen (`chat.reading`); the running answer is the other (`chat.answering`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chatapp.tui import actions
from chatapp.tui.errors import Problem, problem_of
from chatapp.tui.text import one_line

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant
    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.library import Library
    from chatapp.tui.screens.chat import ChatScreen


class Reading:
    """Opens, renames, deletes and restores conversations; `conversation_id` is the one shown."""

    def __init__(self, chat: ChatScreen) -> None:
        self._chat = chat
        self.library: Library | None = None
        self.conversation_id: str | None = None
        self.switching = asyncio.Lock()
        """Held while the transcript is replaced: a message sent meanwhile is not painted over."""
        self._deleted: list[str] = []
        self._drafts: dict[str | None, str] = {}

    async def begin(self, assistant: Assistant, *, resume: str | None) -> None:
        """Show the conversation to resume, else the last one, unless a message was sent already."""
        from chatapp.tui.library import Library

        chat = self._chat
        self.library = Library(assistant.store)
        chat.menu.commands = actions.command_rows()
        if notices := "\n".join(assistant.store.notices):
            chat.trouble(Problem("The conversations were repaired", notices), retry=False)
        async with self.switching:
            if chat.answering.turn is None and not chat.transcript.entries:
                await self._resume(self.library, resume)
        await self.refresh_listing()

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
        await self._show(await library.latest_id())

    async def open(self, conversation_id: str | None) -> None:
        """Show a conversation (None: an empty, new one) and keep the draft of the one left."""
        composer = self._chat.composer
        async with self.switching:
            left = self.conversation_id
            await self._show(conversation_id)
            self._drafts[left] = composer.text
            composer.set_draft(self._drafts.pop(conversation_id, ""))
        self._chat.set_focus(composer)
        await self.refresh_listing()

    async def _show(self, conversation_id: str | None) -> None:
        """Show a conversation. Raises NotFound before anything has changed."""
        chat, turn = self._chat, self._chat.answering.turn
        title, interrupted = "", None
        entries: list[str | AnswerState] = []
        if conversation_id is not None and self.library is not None:
            loaded = await self.library.load(conversation_id)
            title, entries = loaded.conversation.title, loaded.entries
            interrupted = loaded.interrupted
        self.conversation_id = conversation_id
        chat.select(None)
        await chat.withdraw_recovery()
        if turn is not None and turn.conversation_id == conversation_id:
            entries = [turn.state if _is(entry, turn.state) else entry for entry in entries]
        elif interrupted is not None:
            chat.offer_recovery(interrupted)
        await chat.transcript.show(entries)
        chat.composer.remember([entry for entry in entries if isinstance(entry, str)])
        chat.set_title(title)
        last = chat.transcript.last_answer()
        chat.status.set_cost(last.usage if last else None, last.seconds if last else 0.0)

    async def name_new(self, conversation_id: str) -> None:
        """The new conversation has its row now: it gets its title and its place in the list."""
        self.conversation_id = conversation_id
        await self.arrive(conversation_id)

    async def arrive(self, conversation_id: str | None) -> None:
        """Catch up with a command that may have opened, renamed or restored a conversation."""
        if conversation_id != self.conversation_id:
            await self.open(conversation_id)
            return
        if conversation_id is not None and self.library is not None:
            self._chat.set_title((await self.library.conversation(conversation_id)).title)
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
        self._deleted.append(conversation_id)
        if conversation_id == self.conversation_id:
            await self.open(None)
        else:
            await self.refresh_listing()
        self._chat.hint(f"Deleted “{one_line(gone.title, 40)}”. /undo brings it back.")

    async def restore_deleted(self) -> bool:
        """Bring back and open what was deleted last; say whether there was anything."""
        if self.library is None or not self._deleted:
            return False
        conversation = await self.library.restore(self._deleted.pop())
        await self.open(conversation.id)
        return True

    async def refresh_listing(self) -> None:
        """Read the list of conversations again."""
        if self.library is None:
            return
        conversations, cut_off = await self.library.listing()
        turn = self._chat.answering.turn
        if turn is not None and turn.conversation_id is not None:
            cut_off.discard(turn.conversation_id)
        self._chat.sidebar.show(conversations, current=self.conversation_id, interrupted=cut_off)


def _is(entry: str | AnswerState, state: AnswerState) -> bool:
    return not isinstance(entry, str) and entry.message_id == state.message_id
