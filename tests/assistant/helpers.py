"""Short ways to run a turn and to look at its events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from chatapp.assistant.events import Event, MessageDelta

T = TypeVar("T", bound=Event)


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    """Return all events of a turn."""
    return [event async for event in events]


def only(events: list[Event], kind: type[T]) -> T:
    """Return the one event of this kind."""
    [found] = every(events, kind)
    return found


def every(events: list[Event], kind: type[T]) -> list[T]:
    """Return all events of this kind."""
    return [event for event in events if isinstance(event, kind)]


def types(events: list[Event]) -> list[str]:
    """Return the wire names, runs of deltas as one."""
    names: list[str] = []
    for event in events:
        if not (names and names[-1] == event.type == MessageDelta.type):
            names.append(event.type)
    return names
