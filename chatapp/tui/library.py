"""The store as the screen needs it: every call off the event loop, messages as entries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.assistant.events import Citation
from chatapp.conversations.types import Conversation, Message, Part
from chatapp.tui.answer_state import AnswerState, stored_answer
from chatapp.tui.branches import BranchRow, branch_rows
from chatapp.tui.details import Row, details_of
from chatapp.tui.entries import Entry, Question
from chatapp.tui.trace import stored_trace

if TYPE_CHECKING:
    from chatapp.conversations.store import ConversationStore

LISTED = 300
"""Conversations in the sidebar; older ones are found by search."""


@dataclass(frozen=True)
class Loaded:
    """A conversation ready to show. `interrupted` is its last answer when that was cut off."""

    conversation: Conversation
    entries: list[Entry]
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

    async def complete(self, entries: Sequence[Entry]) -> None:
        """Add to these messages what is only needed once they are on the screen."""
        if not all(entry.complete for entry in entries):
            await asyncio.to_thread(self._complete, entries)

    async def latest_id(self) -> str | None:
        """Return the id of the conversation used last."""
        latest = await asyncio.to_thread(self._store.latest)
        return latest.id if latest else None

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return the facts about one conversation. Raises NotFound."""
        return await asyncio.to_thread(self._store.conversation, conversation_id)

    async def branches(self, conversation_id: str) -> list[BranchRow]:
        """Return the rows of the conversation's tree. Raises NotFound."""
        return await asyncio.to_thread(self._branches, conversation_id)

    async def select(self, message_id: str) -> str:
        """Read the branch through this message from now on; return its conversation's id."""
        return (await asyncio.to_thread(self._store.select, message_id)).id

    async def details(self, entry: Entry) -> list[Row]:
        """Return what there is to know about a message. Raises NotFound."""
        return await asyncio.to_thread(self._details, entry)

    async def draft(self, conversation_id: str | None) -> str:
        """Return what was typed and not sent there (None: in a new conversation)."""
        return await asyncio.to_thread(self._store.draft, conversation_id)

    async def save_draft(self, conversation_id: str | None, text: str) -> None:
        """Keep what was typed and not sent; it outlives a crash."""
        await asyncio.to_thread(self._store.save_draft, conversation_id, text)

    async def fork(self, message_id: str) -> str:
        """Copy the branch down to this message; return the new conversation's id."""
        return (await asyncio.to_thread(self._store.fork, message_id)).id

    async def delete_message(self, message_id: str) -> str:
        """Hide a message and what follows it; return the conversation's id."""
        return (await asyncio.to_thread(self._store.delete_message, message_id)).id

    async def restore_message(self, message_id: str) -> str:
        """Bring a deleted message and what followed it back; return the conversation's id."""
        return (await asyncio.to_thread(self._store.restore_message, message_id)).id

    async def rename(self, conversation_id: str, title: str) -> None:
        await asyncio.to_thread(self._store.rename, conversation_id, title)

    async def delete(self, conversation_id: str) -> Conversation:
        return await asyncio.to_thread(self._store.delete, conversation_id)

    async def restore(self, conversation_id: str) -> Conversation:
        return await asyncio.to_thread(self._store.restore, conversation_id)

    def _listing(self) -> tuple[list[Conversation], set[str]]:
        cut_off = {message.conversation_id for message in self._store.interrupted()}
        return self._store.conversations(limit=LISTED), cut_off

    def _load(self, conversation_id: str) -> Loaded:
        messages = self._store.messages(conversation_id)
        last = messages[-1] if messages else None
        cut_off = last is not None and last.role == "assistant" and last.status == "interrupted"
        return Loaded(
            self._store.conversation(conversation_id),
            [entry_of(message) for message in messages],
            last.id if last is not None and cut_off else None,
        )

    def _branches(self, conversation_id: str) -> list[BranchRow]:
        tip = self._store.conversation(conversation_id).tip
        return branch_rows(self._store.tree(conversation_id), tip)

    def _details(self, entry: Entry) -> list[Row]:
        message = self._store.message(entry.message_id)
        return details_of(entry, message, self._store.turns(message_id=message.id))

    def _complete(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.complete or not entry.message_id:
                continue
            entry.siblings = tuple(m.id for m in self._store.siblings(entry.message_id))
            if not isinstance(entry, Question):
                stored = self._store.citations(entry.message_id)
                entry.citations = [Citation(**vars(citation)) for citation in stored]
                if not entry.trace.steps:  # of an answer that was just written more is known
                    parts = self._store.parts(entry.message_id)
                    # In place: the widget that shows them holds on to this trace.
                    entry.trace.steps += stored_trace(parts, entry.citations).steps
                if not entry.memories:
                    self._recall(entry)
            else:
                entry.attachments = tuple(_attached(self._store.parts(entry.message_id)))
            entry.complete = True

    def _recall(self, entry: AnswerState) -> None:
        """Add what a stored answer remembered or used, as far as it is still known."""
        from chatapp.memory import Profile

        profile = Profile(self._store)
        question = self._store.message(entry.message_id).parent_id
        learnt = profile.learnt_in(question) if question else []
        known = {fact.id for fact in learnt}
        used = [fact for fact in profile.used_in(entry.message_id) if fact.id not in known]
        entry.remembered = [f"used: {fact.to_person()}" for fact in used]
        entry.remembered += [f"remembered: {fact.to_person()}" for fact in learnt]
        entry.memories = [fact.id for fact in [*used, *learnt]]


def _attached(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if part.kind == "attachment":
            yield str(part.data.get("name", "file"))


def entry_of(message: Message) -> Entry:
    if message.role == "assistant":
        return stored_answer(message)
    return Question(message.text, message.id)
