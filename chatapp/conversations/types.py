"""Value types of the conversation store. Pure data: no I/O, no SQL.

A conversation is a tree of messages: each message names its parent, siblings are alternatives
(a regenerated answer), and the conversation's `tip` says which branch is being read.
Timestamps are ISO 8601 in UTC with milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MessageRole = Literal["system", "user", "assistant", "tool"]
MessageStatus = Literal["complete", "streaming", "interrupted", "error"]


@dataclass(frozen=True)
class Conversation:
    """`message_count` counts every branch; `deleted_at` is None until it is deleted.

    Memory neither reads nor writes a `private` one.
    """

    id: str
    title: str
    created_at: str
    updated_at: str
    message_count: int
    tip: str | None = None
    deleted_at: str | None = None
    private: bool = False


@dataclass(frozen=True)
class Message:
    """One message as stored. The fields after `created_at` are None or empty for user messages."""

    id: str
    conversation_id: str
    parent_id: str | None
    role: MessageRole
    text: str
    status: MessageStatus
    created_at: str
    finish_reason: str | None = None
    grounding: str | None = None
    model: str = ""
    seconds: float = 0.0
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredCitation:
    """Quote `[n]` of an answer; `start` and `end` are offsets into the document's stored text."""

    n: int
    quote: str
    title: str
    uri: str
    document: str
    passage: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class MessageHit:
    """A message that matches a search, best first; `snippet` is the part of it that matched."""

    message_id: str
    conversation_id: str
    conversation_title: str
    role: MessageRole
    created_at: str
    snippet: str


@dataclass(frozen=True)
class Outcome:
    """How an answer ended, as `ConversationStore.finish` writes it."""

    text: str
    status: MessageStatus
    finish_reason: str
    grounding: str | None = None
    model: str = ""
    seconds: float = 0.0
    usage: Mapping[str, int] = field(default_factory=dict)
    citations: tuple[StoredCitation, ...] = ()


@dataclass(frozen=True)
class StartedTurn:
    """The two rows that stand on disk before the first token is made."""

    conversation: Conversation
    user: Message
    assistant: Message


class StorageError(Exception):
    """The store cannot do what was asked; `message` says why and `hint` names the fix."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFound(LookupError):
    """No conversation or message has this id."""
