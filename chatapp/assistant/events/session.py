"""Events of a whole session of `ask` or `run`, and of a model being loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chatapp.assistant.events.answer import Usage
from chatapp.assistant.events.base import Event, FinishReason, Grounding
from chatapp.conversations.types import StoredCitation


@dataclass(frozen=True)
class SessionStart(Event):
    """First event of `ask` and `run`: what is about to answer, and all that repeats it.

    `clock` is the fixed time of the session, None where time passes; `allow` holds the globs of
    tools that ran without asking.
    """

    type: ClassVar[str] = "session.start"
    version: str
    model: str
    seed: int | None
    offline: bool
    greedy: bool
    clock: str | None
    allow: list[str]
    keep_going: bool


@dataclass(frozen=True)
class OperationStart(Event):
    """A step of the script begins: its line, its name, and its value as it was written.

    The operations of a transcript are the script that `chatapp replay` runs again.
    """

    type: ClassVar[str] = "operation"
    line: int
    name: str
    value: Any


@dataclass(frozen=True)
class CommandResult(Event):
    """What a slash command of a scripted session answered."""

    type: ClassVar[str] = "command.result"
    name: str
    text: str


@dataclass(frozen=True)
class ModelLoading(Event):
    """How far a model is loaded, from 0 to 1, by the bytes of its weights; 1 comes when it is."""

    type: ClassVar[str] = "model.loading"
    name: str
    fraction: float


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
