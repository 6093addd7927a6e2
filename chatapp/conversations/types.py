"""Value types of the conversation store. Pure data: no I/O, no SQL.

A conversation is a tree of messages: each message names its parent, siblings are alternatives
(a regenerated answer), and the conversation's `tip` says which branch is being read.
Timestamps are ISO 8601 in UTC with milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chatapp.conversations.seen import Seen

MessageRole = Literal["system", "user", "assistant", "tool"]
MessageStatus = Literal["complete", "streaming", "interrupted", "error"]
PartKind = Literal[
    "text", "reasoning", "tool_call", "tool_result", "citation", "attachment", "step", "page"
]


@dataclass(frozen=True)
class Conversation:
    """`message_count` counts every branch; `deleted_at` is None until it is deleted.

    Memory neither reads nor writes a `private` one. `options` is what the chat is set to (model,
    adapter, sampling, allowed tools). `rev` grows with every change but streaming text.
    `forked_from` is the id of the message another conversation was left at.
    """

    id: str
    title: str
    created_at: str
    updated_at: str
    message_count: int
    tip: str | None = None
    deleted_at: str | None = None
    private: bool = False
    persona: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    pinned: bool = False
    archived: bool = False
    tags: tuple[str, ...] = ()
    rev: int = 0
    forked_from: str | None = None


@dataclass(frozen=True)
class Message:
    """One message as stored. The fields from `finish_reason` to `usage` are for answers.

    `content_hash` is empty while it streams; `origin` is the message a fork copied it from;
    `deleted_with` is the message whose deletion took this one along.
    """

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
    content_hash: str = ""
    deleted_at: str | None = None
    origin: str | None = None
    deleted_with: str | None = None


@dataclass(frozen=True)
class Part:
    """A typed part of a message beside its text.

    `data` is JSON; its "text", if any, is what search finds. `n` is the place among the parts of
    the message, from 1; 0 takes the next. A citation has its own number `[n]` there. A `step` is
    one action of looking something up; a `page` is a page of the web that an answer quotes, whose
    "document" is what its citations name.
    """

    kind: PartKind
    data: Mapping[str, Any]
    n: int = 0


@dataclass(frozen=True)
class Turn:
    """One call of a model: tokens, seconds, and the sampling fields with the seed.

    `message_id` and `created_at` are filled in when it is stored. `first_token_seconds` is None
    where it was not measured; `seen` is the prompt, None where it was not kept (until schema 9).
    """

    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    first_token_seconds: float | None = None
    finish_reason: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    message_id: str = ""
    created_at: str = ""
    seen: Seen | None = None


@dataclass(frozen=True)
class Summary:
    """What a model, or with `edited` the person, made of a branch down to message `message_id`."""

    message_id: str
    text: str
    model: str
    edited: bool
    created_at: str


@dataclass(frozen=True)
class StoredCitation:
    """Quote `[n]` of an answer; `start` and `end` are offsets into the document's stored text.

    `date` is when the source is from, as far as it says so: ISO 8601, or a beginning of it.
    """

    n: int
    quote: str
    title: str
    uri: str
    document: str
    passage: str
    start: int
    end: int
    score: float
    date: str = ""


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
class SearchFilters:
    """What a search is limited to; None is no limit.

    `since` (inclusive) and `until` (exclusive) are timestamps or beginnings of them
    ("2026-03"). `archived` None finds both.
    """

    role: MessageRole | None = None
    conversation_id: str | None = None
    since: str | None = None
    until: str | None = None
    tag: str | None = None
    archived: bool | None = None
    pinned: bool | None = None
    grounding: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How an answer ended, as `ConversationStore.finish` writes it.

    `turns` are the calls of the model since it was begun or reopened. Without any, and with a
    `model`, one is made of the figures here.
    """

    text: str
    status: MessageStatus
    finish_reason: str
    grounding: str | None = None
    model: str = ""
    seconds: float = 0.0
    usage: Mapping[str, int] = field(default_factory=dict)
    citations: tuple[StoredCitation, ...] = ()
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class StartedTurn:
    """The two rows that stand on disk before the first token is made."""

    conversation: Conversation
    user: Message
    assistant: Message


@dataclass(frozen=True)
class Problem:
    """What `verify` found: an id or place, and what is wrong there."""

    place: str
    said: str


class StorageError(Exception):
    """The store cannot do what was asked; `message` says why and `hint` names the fix."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFound(LookupError):
    """No conversation or message has this id."""
