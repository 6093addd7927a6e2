"""What a transcript is made of: questions and answers, as the screen knows them.

An entry outlives its widget: only those near what is being read are mounted. What a widget needs
beyond the text is read when it is first mounted (`Library.complete`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from chatapp.tui.answer_state import AnswerState


@dataclass(eq=False)
class Question:
    """A message of the person; `message_id` is empty until it is stored."""

    text: str
    message_id: str = ""
    siblings: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    complete: bool = False


Entry: TypeAlias = "Question | AnswerState"
"""One message of the branch being read. `siblings` are the ids at its place, oldest first."""


def place_of(entry: Entry) -> tuple[int, int]:
    """Return (which one, of how many) this message is among its alternatives, from 1."""
    if entry.message_id not in entry.siblings:
        return 1, 1
    return entry.siblings.index(entry.message_id) + 1, len(entry.siblings)


def neighbour(entry: Entry, step: int) -> str | None:
    """Return the id of the alternative `step` places further; None at the ends."""
    place = place_of(entry)[0] - 1 + step
    return entry.siblings[place] if 0 <= place < len(entry.siblings) else None
