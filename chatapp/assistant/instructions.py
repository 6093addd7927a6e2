"""The system message in its pieces: persona, what is remembered, a summary, files, tools.

Each piece says what of it repeats the memory, so that what is forgotten later can be taken out of
the stored prompt and of nothing else in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.conversations.seen import PromptTurn, ToldFact

_BETWEEN = "\n"


@dataclass(frozen=True)
class Piece:
    """A piece of the system message; `told` when it repeats what is remembered or was said."""

    text: str = ""
    told: bool = False
    facts: tuple[ToldFact, ...] = ()


def system_turn(pieces: Iterable[Piece]) -> PromptTurn | None:
    """Return the pieces as one message, or None when all are empty."""
    text = ""
    told: list[tuple[int, int]] = []
    facts: list[ToldFact] = []
    for piece in (piece for piece in pieces if piece.text):
        start = len(text) + (len(_BETWEEN) if text else 0)
        text = f"{text}{_BETWEEN}{piece.text}" if text else piece.text
        if piece.told:
            told.append((start, len(text)))
            facts += piece.facts
    return PromptTurn("system", text, tuple(told), tuple(facts)) if text else None


def tool_turn(role: str, text: str, *, of_memory: bool) -> PromptTurn:
    """Return a call of tools, or a result; what the memory's tools get and give is told."""
    return PromptTurn(role, text, ((0, len(text)),) if of_memory else ())
