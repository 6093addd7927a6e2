"""Drafts: the rows of a question and its answer, on disk before anything is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from chatapp.assistant import failures
from chatapp.assistant.attachments import Attachment, as_part
from chatapp.assistant.conversation_options import overlay
from chatapp.assistant.routing import Route
from chatapp.assistant.services import Options
from chatapp.conversations import ConversationStore, Message, NotFound, Part
from retrieval.text import sanitize_text

T = TypeVar("T")

_VARIED = 0.7  # temperature at which two answers usually differ


@dataclass(frozen=True)
class Draft:
    """A question and its empty (or cut-off) answer, both on disk; `path` ends with the question.

    `new` says that the question was typed just now, so the memory may learn from it. `attempt`
    counts the answers that the question had before, so that a fixed seed gives another one. `tool`
    is what the person called by its name; `by_model` leaves no other way of answering.
    """

    conversation_id: str
    question: Message
    message: Message
    path: tuple[Message, ...]
    options: Options
    new: bool = False
    attempt: int = 0
    tool: Route | None = None
    by_model: bool = False

    @property
    def continues(self) -> bool:
        """Whether the model goes on from the text there is; quotes are looked up again instead."""
        return bool(self.message.text) and self.message.grounding in (None, "model")


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
        return await self._new(
            conversation_id, text, options, parent_id, [as_part(file) for file in attachments]
        )

    async def _new(
        self,
        conversation_id: str | None,
        text: str,
        options: Options,
        parent_id: str | None,
        parts: Sequence[Part],
    ) -> Draft:
        clean = sanitize_text(text)
        if not (clean.strip() or parts):
            raise failures.TurnFailed(failures.EMPTY)
        begun = self._store.begin_turn(conversation_id, clean, parent_id, attachments=parts)
        started = await _shielded(begun)
        return await self._draft(started.user, started.assistant, options, new=True)

    async def called(self, conversation_id: str | None, wanted: Route, options: Options) -> Draft:
        """Write a tool call as the question that asks for it."""
        arguments = json.dumps(dict(wanted.arguments), ensure_ascii=False)
        draft = await self._new(
            conversation_id, f"/{wanted.name} {arguments}", options, None, parts=()
        )
        return replace(draft, tool=wanted)

    async def edited(
        self,
        message_id: str,
        text: str,
        options: Options,
        *,
        attachments: Sequence[Attachment] = (),
    ) -> Draft:
        """Write another version of a question beside it, with its files. Raises NotFound."""
        old = await asyncio.to_thread(self._store.message, message_id)
        if old.role != "user":
            raise NotFound("Only a question can be edited; this is an answer.")
        parts = await asyncio.to_thread(self._store.parts, message_id)
        files = [Part(part.kind, part.data) for part in parts if part.kind == "attachment"]
        files += [as_part(file) for file in attachments]
        return await self._new(old.conversation_id, text, options, old.parent_id or "", files)

    async def again(self, message_id: str, options: Options) -> Draft:
        """Write an empty answer beside those its question already has. Raises NotFound."""
        old = await asyncio.to_thread(self._store.message, message_id)
        question = old if old.role == "user" else await self._parent(old)
        answer = await _shielded(self._store.begin_answer(question.id))
        siblings = await asyncio.to_thread(self._store.siblings, answer.id)
        return await self._draft(question, answer, options, attempt=len(siblings) - 1)

    async def compared(self, message_id: str, options: Options) -> Draft:
        """Write an empty answer for the model to fill otherwise. Raises NotFound."""
        draft = await self.again(message_id, options)
        own = draft.options.sampling
        varied = replace(own, greedy=False, temperature=max(own.temperature, _VARIED))
        return replace(draft, options=replace(draft.options, sampling=varied), by_model=True)

    async def continued(self, message_id: str, options: Options) -> Draft:
        """Reopen a cut-off answer. Raises NotFound."""
        cut = await asyncio.to_thread(self._store.message, message_id)
        question = await self._parent(cut)
        answer = await _shielded(self._store.reopen_answer(cut.id))
        return await self._draft(question, answer, options)

    async def _parent(self, message: Message) -> Message:
        return await asyncio.to_thread(self._store.message, message.parent_id or "")

    async def _draft(
        self,
        question: Message,
        message: Message,
        options: Options,
        *,
        new: bool = False,
        attempt: int = 0,
    ) -> Draft:
        path = await asyncio.to_thread(self._store.path_to, question.id)
        conversation = await asyncio.to_thread(self._store.conversation, question.conversation_id)
        options = overlay(options, conversation)
        return Draft(conversation.id, question, message, tuple(path), options, new, attempt)


async def _shielded(future: Future[T]) -> T:
    """Wait for a write; cancelling the waiter does not cancel the write."""
    return await asyncio.shield(asyncio.wrap_future(future))
