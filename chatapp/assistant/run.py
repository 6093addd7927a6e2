"""One running turn: where its events go, and how anything it waits for can be stopped at once.

A `Run` is what `Assistant.interrupt()` reaches from any thread. Work in worker threads cannot be
killed; a stopped turn leaves it behind and goes on without its result.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from chatapp.assistant.events import Event

T = TypeVar("T")

Ending = Literal["ok", "interrupted", "error"]
Decision = Literal["once", "conversation", "deny"]
"""What a person says to a tool call: this once, always in this conversation, or no."""


@dataclass(frozen=True)
class Permission:
    """What was decided about a call or a query, and who or what decided."""

    given: bool
    why: str


class Interrupted(Exception):
    """The turn was asked to stop."""


class Run:
    """Events of one turn and its stop switch. Made inside the running loop."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._asked = threading.Event()
        self._stopped = asyncio.Event()
        self._asked_for: dict[str, asyncio.Future[Decision]] = {}

    def emit(self, event: Event) -> None:
        """Hand one event to whoever reads the turn."""
        self.events.put_nowait(event)

    def stop(self) -> None:
        """Ask the turn to end, from any thread; asking twice is the same as once."""
        self._asked.set()
        self._loop.call_soon_threadsafe(self._stopped.set)

    def should_stop(self) -> bool:
        """Return whether the turn was asked to end; safe in any thread."""
        return self._asked.is_set()

    async def decision(self, call_id: str) -> Decision:
        """Wait until somebody decides on a tool call. Raises Interrupted."""
        waited = self._asked_for[call_id] = self._loop.create_future()
        try:
            return await self.unless_stopped(waited)
        finally:
            del self._asked_for[call_id]

    def decide(self, call_id: str, decision: Decision) -> bool:
        """Decide on a tool call, from any thread; return whether it was waiting for that."""
        waited = self._asked_for.get(call_id)
        if waited is None:
            return False
        self._loop.call_soon_threadsafe(_settle, waited, decision)
        return True

    async def in_thread(self, executor: Executor, job: Callable[[], T]) -> T:
        """Return what `job` returns in a worker thread.

        Raises:
            Interrupted: the turn was asked to stop first; the job is left to end by itself.
        """
        return await self.unless_stopped(self._loop.run_in_executor(executor, job))

    async def unless_stopped(self, waited: asyncio.Future[T]) -> T:
        """Return the result of `waited`, or raise Interrupted as soon as the turn shall stop."""
        if self._asked.is_set():
            waited.cancel()
            raise Interrupted
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            both: set[asyncio.Future[Any]] = {waited, stopped}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            finished = waited.done()
            if not finished:
                waited.cancel()
        if not finished:
            raise Interrupted
        return waited.result()


def _settle(waited: asyncio.Future[Decision], decision: Decision) -> None:
    if not waited.done():  # decided twice, or stopped meanwhile
        waited.set_result(decision)
