"""Turns: runs one at a time and hands its events to whoever reads them.

The work of a turn runs in a task of its own, which nothing but the end of the program cancels: a
reader that stops reading asks it to stop, and it then writes what it has and ends in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from chatapp.assistant.events import Error, Event, TurnEnd
from chatapp.assistant.failures import explain
from chatapp.assistant.run import Ending, Run

Work = Callable[[Run], Awaitable[Ending]]
"""What a turn does: emits its events through the run and says how it ended."""


class Turns:
    """The one turn of an assistant that may run."""

    def __init__(self) -> None:
        self.running: Run | None = None

    async def relay(self, work: Work) -> AsyncGenerator[Event, None]:
        """Yield the events of `work`, `turn.end` last; refuse while another turn runs."""
        if self.running is not None:
            yield Error("busy", "An answer is still being written.", "Stop it or wait for its end.")
            yield TurnEnd("error")
            return
        run = self.running = Run()
        task = asyncio.create_task(_carry_out(run, work))
        try:
            while (event := await run.events.get()) is not None:
                yield event
        finally:
            run.stop()
            try:
                await asyncio.shield(task)  # until the last row is written
            finally:
                self.running = None


async def _carry_out(run: Run, work: Work) -> None:
    try:
        status = await work(run)
    except Exception as error:  # noqa: BLE001 - every failure becomes an event
        run.emit(explain(error))
        status = "error"
    run.emit(TurnEnd(status))
    run.events.put_nowait(None)
