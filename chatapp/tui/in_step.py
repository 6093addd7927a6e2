"""Keeps this window in step with others on the same file: looks every second whether it changed.

Only what differs is drawn: an answer that another window is writing grows here too, and whoever
reads an older message is not moved.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from chatapp.conversations.types import Conversation, Message, NotFound
from chatapp.tui.answer_state import AnswerState

if TYPE_CHECKING:
    from chatapp.conversations.store import ConversationStore
    from chatapp.tui.screens.chat import ChatScreen

SECONDS = 1.0
COMPARED = 24
"""Messages at the end of a conversation that are compared with what is on the screen."""

ELSEWHERE = "being written in another window"

log = logging.getLogger(__name__)


class InStep:
    """Watches `store` for the screen. While an answer is written here, it waits."""

    def __init__(self, chat: ChatScreen, store: ConversationStore) -> None:
        self._chat = chat
        self._store = store
        self._version: int | None = None

    def start(self) -> None:
        """Begin to look, once a second."""
        self._chat.run_worker(self._watch(), group="in step", exit_on_error=False)

    async def _watch(self) -> None:
        # One look after the other: one that was cut off could leave half a conversation mounted.
        while True:
            await asyncio.sleep(SECONDS)
            await self.look()

    async def look(self) -> None:
        """Catch up if the file has changed since the last look."""
        if self._chat.answering.turn is not None:
            return  # the writes are our own, many a second
        try:
            version = await asyncio.to_thread(self._store.version)
            if version != self._version:
                await self._catch_up()
            self._version = version
        except Exception:
            log.exception("could not look for changes of other windows")

    async def _catch_up(self) -> None:
        reading = self._chat.reading
        await reading.refresh_listing()
        here = reading.conversation_id
        if here is None:
            return
        try:
            conversation, messages = await asyncio.to_thread(self._read, here)
        except NotFound:
            conversation, messages = None, []
        if self._chat.answering.turn is not None or reading.conversation_id != here:
            return  # the person went on meanwhile
        if conversation is None or conversation.deleted_at is not None:
            await reading.open(None)
            self._chat.hint("The conversation was deleted in another window.")
            return
        self._chat.describe(conversation)
        await self._compare(here, messages)

    def _read(self, conversation_id: str) -> tuple[Conversation, list[Message]]:
        conversation = self._store.conversation(conversation_id)
        return conversation, self._store.page(conversation_id, limit=COMPARED)

    async def _compare(self, here: str, messages: list[Message]) -> None:
        """Append what came, or show the conversation anew if earlier messages differ.

        Then draw what changed in the messages themselves.
        """
        reading, shown = self._chat.reading, self._chat.transcript.entries
        came = _came([entry.message_id for entry in shown], messages)
        if came is None:
            await reading.reload()
        elif came:
            await reading.extend(here, came)
        read = {message.id: message for message in messages}
        for entry in self._chat.transcript.entries[-len(messages) :]:
            message = read.get(entry.message_id)
            if message and isinstance(entry, AnswerState) and _differs(entry, message):
                entry.follow(message, ELSEWHERE)
                await self._chat.transcript.complete([entry])
                if (answer := self._chat.transcript.answer(entry)) is not None:
                    await answer.redraw()


def _came(shown: list[str], messages: list[Message]) -> list[Message] | None:
    """Return the messages that follow those shown; None if these are not what is shown."""
    ids = [message.id for message in messages]
    if not shown or shown[-1] not in ids:
        return None if shown or ids else []
    known = ids.index(shown[-1]) + 1
    return messages[known:] if shown[-known:] == ids[:known] else None


def _differs(entry: AnswerState, message: Message) -> bool:
    streaming = message.status == "streaming"
    return entry.text != message.text or streaming != bool(entry.activity)
