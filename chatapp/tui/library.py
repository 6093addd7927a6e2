"""The store as the screen needs it: every call off the event loop, messages as entries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.conversations.types import Conversation, Message, MessageHit
from chatapp.tui.answer_state import AnswerState, stored_answer

if TYPE_CHECKING:
    from chatapp.conversations.store import ConversationStore

LISTED = 300
"""Conversations in the sidebar; older ones are found by search."""


@dataclass(frozen=True)
class Loaded:
    """A conversation ready to show. `interrupted` is its last answer when that was cut off."""

    conversation: Conversation
    entries: list[str | AnswerState]
    interrupted: str | None


class Library:
    """Reads and changes conversations without ever blocking the screen."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    async def listing(self) -> tuple[list[Conversation], set[str]]:
        """Return the conversations, newest first, and the ids of those cut off at their end."""
        return await asyncio.to_thread(self._listing)

    async def load(self, conversation_id: str) -> Loaded:
        """Return one conversation. Raises NotFound."""
        return await asyncio.to_thread(self._load, conversation_id)

    async def latest_id(self) -> str | None:
        """Return the id of the conversation used last."""
        latest = await asyncio.to_thread(self._store.latest)
        return latest.id if latest else None

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return the facts about one conversation. Raises NotFound."""
        return await asyncio.to_thread(self._store.conversation, conversation_id)

    async def rename(self, conversation_id: str, title: str) -> None:
        await asyncio.to_thread(self._store.rename, conversation_id, title)

    async def delete(self, conversation_id: str) -> Conversation:
        return await asyncio.to_thread(self._store.delete, conversation_id)

    async def restore(self, conversation_id: str) -> Conversation:
        return await asyncio.to_thread(self._store.restore, conversation_id)

    async def search(self, text: str) -> Sequence[MessageHit]:
        return await asyncio.to_thread(self._store.search, text)

    def _listing(self) -> tuple[list[Conversation], set[str]]:
        cut_off = {message.conversation_id for message in self._store.interrupted()}
        return self._store.conversations(limit=LISTED), cut_off

    def _load(self, conversation_id: str) -> Loaded:
        messages = self._store.messages(conversation_id)
        last = messages[-1] if messages else None
        cut_off = last is not None and last.role == "assistant" and last.status == "interrupted"
        return Loaded(
            self._store.conversation(conversation_id),
            [self._entry(message) for message in messages],
            last.id if last is not None and cut_off else None,
        )

    def _entry(self, message: Message) -> str | AnswerState:
        if message.role != "assistant":
            return message.text
        return stored_answer(message, self._store.citations(message.id))
