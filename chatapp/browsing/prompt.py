"""What the learned policy reads: the browser's state, cut to fit the model's window.

The thing to know: the same cut decides what the mask allows, so a model is never asked to quote or
to click what it was not shown.
"""

from __future__ import annotations

from collections.abc import Callable

from chatapp.inference.generator import ChatMessage
from retrieval.browser.render import Room, render
from retrieval.browser.state import State

LONGEST_REPLY = 200  # tokens kept free for the command

# From roomy to tight: old actions go first, then the ends of quotes, then the end of the screen.
_ROOMS = (
    Room(actions=6, quotes=3, extract=120),
    Room(actions=3, quotes=2, extract=60),
    Room(actions=2, quotes=1, extract=40, text=700),
    Room(actions=1, quotes=1, extract=20, text=350),
    Room(actions=1, quotes=1, extract=10, text=120),
)

Counter = Callable[[list[ChatMessage]], int]


def fitted(state: State, count: Counter, context_length: int) -> tuple[list[ChatMessage], Room]:
    """Return the prompt for a state and how much of the state it shows.

    Args:
        count: tokens of a prompt.
        context_length: of the model.
    """
    room_for_prompt = context_length - LONGEST_REPLY
    for room in _ROOMS:
        messages = [ChatMessage("user", render(state, room))]
        if count(messages) <= room_for_prompt:
            break
    return messages, room
