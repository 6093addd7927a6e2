"""The typed events that `Assistant.turn()` yields: the one stream every front end renders.

Each event is a frozen dataclass whose `type` is the wire name; `payload()` is the flat JSON form.
`envelope.Envelope` numbers and stamps events for `--output jsonl`. Nothing here does I/O.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chatapp.conversations.types import StoredCitation

FinishReason = Literal["stop", "length", "interrupted", "error"]
Grounding = Literal["grounded", "model", "memory", "not_found"]


@dataclass(frozen=True)
class Event:
    """Base of all events; `type` is the wire name."""

    type: ClassVar[str]

    def payload(self) -> dict[str, Any]:
        """Return the event as a JSON-ready dict, `type` first."""
        return {"type": self.type, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class SessionStart(Event):
    """First event of `ask` and `run`: what is about to answer."""

    type: ClassVar[str] = "session.start"
    version: str
    model: str
    seed: int | None
    offline: bool


@dataclass(frozen=True)
class TurnStart(Event):
    """Both message rows are on disk; nothing has been generated yet. `text` is the question."""

    type: ClassVar[str] = "turn.start"
    conversation: str
    user_message: str
    assistant_message: str
    text: str = ""


@dataclass(frozen=True)
class RetrievedPassage:
    """One hit of the hybrid search, best first in `Retrieval.passages`."""

    passage: str
    title: str
    uri: str
    score: float


@dataclass(frozen=True)
class Retrieval(Event):
    """The search that was made for this turn and what it returned."""

    type: ClassVar[str] = "retrieval"
    query: str
    passages: list[RetrievedPassage]
    seconds: float


@dataclass(frozen=True)
class UsedMemory:
    """A fact about the person, or an earlier round, that took part in an answer."""

    id: str
    text: str
    date: str


@dataclass(frozen=True)
class MemoryUsed(Event):
    """What of the memory this answer rests on, or was given to the model."""

    type: ClassVar[str] = "memory.used"
    items: list[UsedMemory]


@dataclass(frozen=True)
class MemoryProposed(Event):
    """A statement of the person's was taken into the profile, or ended facts there (`closed`).

    `status` is `active` when it is believed, `review` when it contradicts an older fact and waits
    for `/confirm`, and `closed` when it only ended facts; `memory` and `text` are then empty.
    """

    type: ClassVar[str] = "memory.proposed"
    memory: str
    text: str
    status: Literal["active", "review", "closed", "expired"]
    closed: list[str]


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
    """The answer as stored: whole text, why it ended, how it is grounded, what it cost."""

    type: ClassVar[str] = "message.done"
    message: str
    text: str
    finish_reason: FinishReason
    grounding: Grounding
    usage: Usage
    seconds: float
    model: str


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


@dataclass(frozen=True)
class CommandResult(Event):
    """What a slash command of a scripted session answered."""

    type: ClassVar[str] = "command.result"
    name: str
    text: str


@dataclass(frozen=True)
class SessionEnd(Event):
    """Last event of `ask` and `run`, with the last answer; `exit_code` is the process's.

    `expected` counts the expectations of a script that were met.
    """

    type: ClassVar[str] = "session.end"
    status: Literal["ok", "interrupted", "error"]
    exit_code: int
    turns: int
    text: str
    finish_reason: FinishReason | None
    grounding: Grounding | None
    citations: list[StoredCitation]
    usage: Usage
    seconds: float
    errors: list[str]
    expected: int
