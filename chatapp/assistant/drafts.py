"""Drafts: the rows of a question and its answer, on disk before anything is answered."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeVar

from chatapp.assistant.answer import Draft
from chatapp.assistant.attachments import Attachment
from chatapp.assistant.services import Options
from chatapp.conversations import ConversationStore, Message, NotFound
from retrieval.text import sanitize_text

T = TypeVar("T")


class Drafts:
    """Begins answers in the conversations of one store."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    async def new(
        self,
        conversation_id: str | None,
        text: str,
        options: Options,
        *,
        parent_id: str | None,
        attachments: Sequence[Attachment],
    ) -> Draft:
        """Write a question that was just typed, and its empty answer."""
        begun = self._store.begin_turn(conversation_id, sanitize_text(text), parent_id)
        started = await _shielded(begun)
        return await self._draft(started.user, started.assistant, options, new=True)

    async def edited(self, message_id: str, text: str, options: Options) -> Draft:
        """Write another version of a question beside it. Raises NotFound."""
        old = await asyncio.to_thread(self._store.message, message_id)
        if old.role != "user":
            raise NotFound("Only a question can be edited; this is an answer.")
        return await self.new(
            old.conversation_id, text, options, parent_id=old.parent_id or "", attachments=()
        )

    async def again(self, message_id: str, options: Options) -> Draft:
        """Write an empty answer beside those its question already has. Raises NotFound."""
        old = await asyncio.to_thread(self._store.message, message_id)
        question = old if old.role == "user" else await self._parent(old)
        answer = await _shielded(self._store.begin_answer(question.id))
        return await self._draft(question, answer, options)

    async def continued(self, message_id: str, options: Options) -> Draft:
        """Reopen a cut-off answer. Raises NotFound."""
        cut = await asyncio.to_thread(self._store.message, message_id)
        question = await self._parent(cut)
        answer = await _shielded(self._store.reopen_answer(cut.id))
        return await self._draft(question, answer, options)

    async def _parent(self, message: Message) -> Message:
        return await asyncio.to_thread(self._store.message, message.parent_id or "")

    async def _draft(
        self, question: Message, message: Message, options: Options, *, new: bool = False
    ) -> Draft:
        path = await asyncio.to_thread(self._store.path_to, question.id)
        conversation = await asyncio.to_thread(self._store.conversation, question.conversation_id)
        if conversation.private:
            options = dataclasses.replace(options, use_memory=False)
        return Draft(conversation.id, question, message, tuple(path), options, new)


async def _shielded(future: Future[T]) -> T:
    """Wait for a write; cancelling the waiter does not cancel the write."""
    return await asyncio.shield(asyncio.wrap_future(future))
