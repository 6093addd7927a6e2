"""Writes an answer into its Markdown as it arrives, and leaves the screen time for everything else.

Textual's own stream appends as fast as it can. One append parses and lays out the last block anew,
which takes long for a long list or a quote in a quote; so here each append is followed by a pause
that grows with what it cost.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from textual.widgets import Markdown

FRAME_SECONDS = 1 / 15
"""The least time between two appends; more often than the eye follows would be waste."""

PAUSE = 4
"""So many times what an append took is left to typing, scrolling and the rest."""


class MarkdownWriter:
    """Appends text to `markdown` until it is stopped."""

    def __init__(self, markdown: Markdown) -> None:
        self._markdown = markdown
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
            self._more.clear()
            text = "".join(self._waiting)
            self._waiting.clear()
            began = perf_counter()
            await self._markdown.append(text)
            cost = perf_counter() - began
            await asyncio.sleep(max(FRAME_SECONDS, PAUSE * cost))
