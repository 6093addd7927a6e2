"""Finds conversations and messages in the store for the search screen, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chatapp.conversations.types import Conversation, MessageHit, SearchFilters
from chatapp.tui.screens.search import Found
from chatapp.tui.search_filter import SearchChoices, search_choices
from chatapp.tui.text import counted
from chatapp.tui.widgets.sidebar import UNTITLED, age

if TYPE_CHECKING:
    from chatapp.conversations.store import ConversationStore

MESSAGES = 50
"""Messages listed at most; whoever wants more narrows the search."""

CHATS = 8
"""Conversations listed before the messages, by words in their titles."""

BROWSED = 200
"""Conversations listed when there are no words to look for."""

_WHO = {"user": "you", "assistant": "answer"}


class Finder:
    """Searches titles and messages of one store."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    async def choices(self) -> SearchChoices:
        """Return the filters, with the tags that are in use."""
        tags = await asyncio.to_thread(self._store.tags)
        return search_choices(list(tags), datetime.now(UTC))

    async def search(self, text: str, filters: SearchFilters) -> list[Found]:
        """Return conversations, then messages; without words only conversations."""
        return await asyncio.to_thread(self._search, text, filters)

    def _search(self, text: str, filters: SearchFilters) -> list[Found]:
        now = datetime.now(UTC)
        chats = [] if filters.role or filters.grounding else self._chats(text, filters)
        limit = CHATS if text else BROWSED
        found = [_chat(conversation, now) for conversation in chats[:limit]]
        if text:
            hits = self._store.search(text, MESSAGES, filters=filters)
            found += [_message(hit, now) for hit in hits]
        return found

    def _chats(self, text: str, filters: SearchFilters) -> list[Conversation]:
        """Return the conversations whose titles or tags have the words, as far as filters allow."""
        kinds = (False, True) if filters.archived is None else (filters.archived,)
        listed = [
            conversation
            for archived in kinds
            for conversation in self._store.conversations(
                limit=2_000, archived=archived, tag=filters.tag
            )
        ]
        words = text.casefold().split()
        return [c for c in listed if c.updated_at >= (filters.since or "") and _has(c, words)]


def _has(conversation: Conversation, words: Iterable[str]) -> bool:
    said = " ".join([conversation.title, *conversation.tags]).casefold()
    return all(word.removeprefix("#") in said for word in words)


def _chat(conversation: Conversation, now: datetime) -> Found:
    marks = ["pinned"] * conversation.pinned + ["archived"] * conversation.archived
    marks += ["private"] * conversation.private + [f"#{tag}" for tag in conversation.tags]
    details = " · ".join(
        [age(conversation.updated_at, now), counted(conversation.message_count, "message"), *marks]
    )
    return Found(conversation.id, None, conversation.title or UNTITLED, details)


def _message(hit: MessageHit, now: datetime) -> Found:
    details = f"{_WHO.get(hit.role, hit.role)} · {age(hit.created_at, now)}"
    title = hit.conversation_title or UNTITLED
    return Found(hit.conversation_id, hit.message_id, title, details, hit.snippet)
