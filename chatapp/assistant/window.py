"""What of a conversation the model still sees, for the meter and the line in the transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.assistant.instructions import Piece, system_turn
from chatapp.assistant.prompt import build_prompt
from chatapp.conversations import Message
from chatapp.inference.generator import ContextOverflow, Generator


@dataclass(frozen=True)
class Window:
    """How full the model's window is.

    `first_visible` is the id of the oldest message of the branch being read that the next prompt
    still holds; None when it holds none. All zero while no model is loaded.
    """

    used_tokens: int = 0
    context_length: int = 0
    first_visible: str | None = None


def measure(
    generator: Generator, messages: Sequence[Message], *, system: str, max_tokens: int
) -> Window:
    """Return the window after `messages` (root first). Blocking: call it in the model's thread."""
    said = [message for message in messages if message.text]
    if not said:
        return Window(0, generator.context_length)
    try:
        prompt = build_prompt(
            generator, said, system=system_turn([Piece(system)]), max_tokens=max_tokens
        )
    except ContextOverflow:
        return Window(generator.context_length, generator.context_length)
    return Window(prompt.tokens, generator.context_length, said[prompt.dropped].id)
