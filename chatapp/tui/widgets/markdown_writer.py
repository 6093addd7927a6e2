"""Writes an answer into its Markdown as it arrives, and leaves the screen time for everything else.

Textual's own stream appends as fast as it can. One append parses and lays out the last block anew,
which takes long for a long list or a quote in a quote, and then the screen is laid out and painted;
so here each append waits until no key is expected, and is followed by a pause that grows with what
it cost until it was painted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

from textual.widgets import Markdown

from chatapp.tui.keyboard import keyboard

FRAME_SECONDS = 1 / 15
"""The least time between two appends; more often than the eye follows would be waste."""

PAUSE = 4
"""So many times what an append took is left to typing, scrolling and the rest."""

LONGEST_PAINT = 1.0


class MarkdownWriter:
    """Appends text to `markdown` until it is stopped; calls `grown` after each append."""

    def __init__(self, markdown: Markdown, grown: Callable[[], object]) -> None:
        self._markdown = markdown
        self._grown = grown
        self._waiting: list[str] = []
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def write(self, text: str) -> None:
        """Add text; it is shown within a moment."""
        self._waiting.append(text)
        self._more.set()

    async def stop(self) -> None:
        """Stop writing; what was not shown yet is dropped, for the caller draws the whole text."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            await keyboard.between_keys()
            self._more.clear()
            text = "".join(self._waiting)
            self._waiting.clear()
            began = perf_counter()
            await self._markdown.append(text)
            self._grown()
            await self._painted()
            cost = perf_counter() - began
            await asyncio.sleep(max(FRAME_SECONDS, PAUSE * cost))

    async def _painted(self) -> None:
        """Wait until the screen shows what was appended; one that is not shown paints nothing."""
        painted = asyncio.Event()
        self._markdown.call_after_refresh(painted.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_PAINT):
                await painted.wait()
