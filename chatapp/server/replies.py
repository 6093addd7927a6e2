"""From the scheduler's thread to the event loop: the replies to one request, as they are made."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence

from chatapp.inference.continuous import Listener
from chatapp.inference.generator import Finished, SamplingParams, TextDelta
from chatapp.inference.scheduler import Scheduler, Ticket
from chatapp.server.errors import ApiError

Item = TextDelta | Finished


class Replies:
    """The replies to some prompts, counted through. Made inside the running loop; iterate once."""

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[tuple[int, Item | Exception]] = deque()
        self._some = asyncio.Event()
        self._waking = False  # so that the loop is woken once for all that arrives meanwhile
        self._left = count
        self._tickets: list[Ticket] = []

    @classmethod
    async def ask(
        cls,
        scheduler: Scheduler,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams,
        *,
        count: int = 1,
        client: str = "",
    ) -> Replies:
        """Submit `count` replies to each prompt, all of them or none.

        Raises:
            ApiError: so many could never wait.
            Exception: what `Scheduler.submit` raises.
        """
        wanted = len(prompts) * count
        if wanted > scheduler.most_waiting:
            raise ApiError(
                400,
                f"{wanted} answers at once; at most {scheduler.most_waiting} may wait",
                code="too_many_answers",
                param="n",
            )
        replies = cls(wanted)
        listeners = [replies._listener(place) for place in range(wanted)]
        work = asyncio.ensure_future(
            asyncio.to_thread(_submit, scheduler, prompts, params, listeners, client)
        )
        try:
            replies._tickets = await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_cancel_submitted)
            raise
        return replies

    async def items(self) -> AsyncIterator[tuple[int, Item]]:
        """Yield what arrives and which reply it belongs to; the last of each is `Finished`.

        Raises:
            Exception: what went wrong with one of them.
        """
        try:
            while self._left:
                await self._some.wait()
                self._some.clear()
                while self._arrived:
                    index, item = self._arrived.popleft()
                    if isinstance(item, Exception):
                        raise item
                    self._left -= isinstance(item, Finished)
                    yield index, item
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Stop what is still in the making."""
        if self._left:
            _cancel(self._tickets)

    def _listener(self, index: int) -> Listener:
        def listen(item: Item | Exception) -> None:
            self._arrived.append((index, item))
            if not self._waking:
                self._waking = True
                with contextlib.suppress(RuntimeError):  # the loop has ended, and so has the client
                    self._loop.call_soon_threadsafe(self._wake)

        return listen

    def _wake(self) -> None:
        self._waking = False
        self._some.set()


def _submit(
    scheduler: Scheduler,
    prompts: Sequence[Sequence[int]],
    params: SamplingParams,
    listeners: Sequence[Listener],
    client: str,
) -> list[Ticket]:
    """Submit in a worker thread, for compiling a constraint takes time."""
    count = len(listeners) // len(prompts)
    tickets: list[Ticket] = []
    try:
        for place, prompt in enumerate(prompts):
            mine = listeners[place * count : (place + 1) * count]
            tickets += scheduler.submit(prompt, params, mine, client=client)
    except Exception:
        _cancel(tickets)
        raise
    return tickets


def _cancel_submitted(submitted: asyncio.Future[list[Ticket]]) -> None:
    if not submitted.cancelled() and submitted.exception() is None:
        _cancel(submitted.result())


def _cancel(tickets: Sequence[Ticket]) -> None:
    for ticket in tickets:
        ticket.cancel()
