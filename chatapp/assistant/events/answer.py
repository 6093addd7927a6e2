"""Events of one turn: it starts, text and quotes come, it is done, it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from chatapp.assistant.events.base import Event, FinishReason, Grounding
from chatapp.conversations.types import StoredCitation


@dataclass(frozen=True)
class TurnStart(Event):
    """Both message rows are on disk; nothing has been generated yet. `text` is the question."""

    type: ClassVar[str] = "turn.start"
    conversation: str
    user_message: str
    assistant_message: str
    text: str = ""


@dataclass(frozen=True)
class MessageDelta(Event):
    """More text of the assistant's answer; concatenated deltas are the answer."""

    type: ClassVar[str] = "message.delta"
    text: str


@dataclass(frozen=True)
class Citation(StoredCitation, Event):
    """Quote `[n]` of this answer: a span verified to stand in the stored document text."""

    type: ClassVar[str] = "citation"


@dataclass(frozen=True)
class Usage:
    """Token counts of one answer and what filled the context window.

    All zero when the model took no part. `dropped_messages` counts the oldest messages of the
    conversation that did not fit the window any more.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    context_tokens: int = 0
    context_length: int = 0
    dropped_messages: int = 0


@dataclass(frozen=True)
class MessageDone(Event):
    """The answer as stored: whole text, why it ended, how it is grounded, what it cost.

    `seed` repeats the answer with the same model and prompt; None where nothing was drawn.
    `sources` and `memories` count the citations and the remembered items it rests on.
    """

    type: ClassVar[str] = "message.done"
    message: str
    text: str
    finish_reason: FinishReason
    grounding: Grounding
    usage: Usage
    seconds: float
    model: str
    first_token_seconds: float = 0.0
    tokens_per_second: float = 0.0
    seed: int | None = None
    sources: int = 0
    memories: int = 0


@dataclass(frozen=True)
class Warning(Event):
    """Something a person should know that did not stop the turn."""

    type: ClassVar[str] = "warning"
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Error(Event):
    """The turn failed; what was written stays written. `hint` names the fix."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class TurnEnd(Event):
    """Last event of every turn, also of failed and interrupted ones."""

    type: ClassVar[str] = "turn.end"
    status: Literal["ok", "interrupted", "error"]
