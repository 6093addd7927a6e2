"""When the person types: what can wait is drawn between two keys and not while one comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter

TYPING_SECONDS = 0.5
"""So long after a key another one is expected."""

LONGEST_WAIT = 0.25
"""What waits for a key comes at the latest after so long, whoever types slowly."""

PAINT_SECONDS = 0.02
"""What it takes until a key that was just handled is on the screen."""


class Keyboard:
    """One per process; `pressed()` is told of every change of the input."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._next: asyncio.Event | None = None

    def pressed(self) -> None:
        """A key has changed the input."""
        self._last = perf_counter()
        if self._next is not None:
            self._next.set()

    async def between_keys(self) -> None:
        """Return at once when nobody types, else just after the next key has been painted."""
        if perf_counter() - self._last > TYPING_SECONDS:
            return
        self._next = asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT):
                await self._next.wait()
        await asyncio.sleep(PAINT_SECONDS)


keyboard = Keyboard()
