"""One running turn: drives the assistant's event stream into the answer's state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.assistant import events
from chatapp.tui.answer_state import AnswerState
from chatapp.tui.entries import Question
from chatapp.tui.errors import problem_of

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant
    from chatapp.assistant.attachments import Attachment

log = logging.getLogger(__name__)

Stream = Callable[["Assistant"], AsyncIterator[events.Event]]
"""What to ask the assistant once it is open."""

Listener = Callable[["Turn", events.Event], Awaitable[None]]


@dataclass
class Turn:
    """A turn that was asked for; `typed` and `attached` are given back if it cannot start.

    `instead_of` is the earlier question that an edit stands beside; `reading` reads the files that
    go along, before the turn itself begins.
    """

    conversation_id: str | None
    state: AnswerState
    question: Question | None = None
    typed: str = ""
    attached: Sequence[Attachment] = ()
    stop_requested: bool = False
    instead_of: Question | None = None
    reading: asyncio.Task[list[Attachment]] | None = None

    @property
    def stored(self) -> bool:
        """True once question and answer have their rows."""
        return bool(self.state.message_id)

    def stop(self, assistant: Assistant | None) -> None:
        """Ask the turn to end; one that has not begun yet ends as soon as it begins."""
        self.stop_requested = True
        if self.reading is not None:
            self.reading.cancel()
        if assistant is not None:
            assistant.interrupt()

    async def run(self, opening: Awaitable[Assistant], stream: Stream, listener: Listener) -> None:
        """Take in every event of the stream and pass it on; never raises for a failed turn."""
        try:
            assistant = await opening
            async for event in stream(assistant):
                if isinstance(event, events.TurnStart) and self.stop_requested:
                    assistant.interrupt()
                await self._take(event, listener)
        except Exception as error:
            log.exception("the turn failed")
            problem = problem_of("The answer failed", error)
            await self._take(events.Error("internal", problem.message, problem.hint), listener)
        if self.state.running:
            await self._take(events.TurnEnd("error"), listener)

    async def _take(self, event: events.Event, listener: Listener) -> None:
        self.state.apply(event)
        await listener(self, event)
