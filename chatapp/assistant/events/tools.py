"""Events of looking things up and of using tools, in the order in which they happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chatapp.assistant.events.base import Event

BrowseAction = Literal["search", "open", "find", "quote", "scroll", "back", "end"]
BrowsePlace = Literal["index", "files", "web"]


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
class Browse(Event):
    """One step of looking for an answer, in the local index, an attached file or the web.

    `text` is what a person reads ("Opened: Kaaba"); `detail` is what the step was about: the query,
    the address, or the quoted words. `place` says where it was taken, and `domain` on whose page,
    if on one of the web.
    """

    type: ClassVar[str] = "browse"
    action: BrowseAction
    text: str
    detail: str
    place: BrowsePlace = "index"
    domain: str = ""


@dataclass(frozen=True)
class WebConsent(Event):
    """Whether `query` may be sent to the web; after `asked` the turn waits for `Assistant.approve`.

    `why` says who or what decided, as a person reads it. `services` would get the query. `private`
    names what of the person's own stands in the conversation: then each query is asked about.
    """

    type: ClassVar[str] = "web.consent"
    id: str
    query: str
    decision: Literal["asked", "allowed", "denied"]
    why: str
    services: list[str]
    private: list[str]


@dataclass(frozen=True)
class ToolCall(Event):
    """A tool shall be used. What was decided about it follows as `tool.approval`."""

    type: ClassVar[str] = "tool.call"
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ToolApproval(Event):
    """Whether the call `id` may run; after `asked` the turn waits for `Assistant.approve`.

    `why` says who or what decided, as a person reads it.
    """

    type: ClassVar[str] = "tool.approval"
    id: str
    name: str
    arguments: dict[str, Any]
    decision: Literal["asked", "allowed", "denied"]
    why: str


@dataclass(frozen=True)
class ToolResult(Event):
    """What the call `id` gave: `text`, or the reason in `error` why it gave nothing."""

    type: ClassVar[str] = "tool.result"
    id: str
    name: str
    text: str
    error: str
    seconds: float
