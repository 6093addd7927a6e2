"""The tree of a conversation as rows: where branches leave, and which one is being read.

At a fork the branch being read (else the newest) goes on at the same depth, and the others stand
before it, indented: so a conversation of many small forks stays narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chatapp.conversations.types import Message


@dataclass(frozen=True)
class BranchRow:
    """One message; `depth` counts the forks between it and the branch being read."""

    message: Message
    depth: int
    begins: bool
    """True when this message is the first of a branch that leaves the one around it."""
    current: bool
    """True when the message is on the branch being read."""


def branch_rows(messages: Sequence[Message], tip: str | None) -> list[BranchRow]:
    """Return the tree of `messages` (parents before children) from the root down."""
    children: dict[str | None, list[Message]] = {}
    for message in messages:
        children.setdefault(message.parent_id, []).append(message)
    current = _path({message.id: message for message in messages}, tip)
    rows: list[BranchRow] = []
    # A stack, not recursion: a conversation may be thousands of messages deep.
    waiting = list(_ordered(children.get(None, []), 0, current))
    while waiting:
        message, depth, begins = waiting.pop()
        rows.append(BranchRow(message, depth, begins, message.id in current))
        waiting += _ordered(children.get(message.id, []), depth, current)
    return rows


def _ordered(
    alternatives: Sequence[Message], depth: int, current: set[str]
) -> Iterable[tuple[Message, int, bool]]:
    """Yield the alternatives at one place, last to be shown first: that is how a stack works."""
    if not alternatives:
        return
    main = next((m for m in alternatives if m.id in current), alternatives[-1])
    yield main, depth, False
    for message in reversed(alternatives):
        if message is not main:
            yield message, depth + 1, True


def _path(messages: dict[str, Message], tip: str | None) -> set[str]:
    found: set[str] = set()
    while tip is not None and tip in messages:
        found.add(tip)
        tip = messages[tip].parent_id
    return found
