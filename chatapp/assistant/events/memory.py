"""Events of the memory's part in a turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from chatapp.assistant.events.base import Event


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
