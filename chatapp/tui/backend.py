"""The assistant as the screen gets it: opened and warmed up off the loop, while typing works."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatapp.tui.errors import Problem, problem_of

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant
    from chatapp.assistant.events import Citation
    from chatapp.tui.screens.passage import Source

log = logging.getLogger(__name__)

Build = Callable[[bool], "Assistant"]
"""Opens everything; the argument is True for a chat that is not saved."""


class Backend:
    """One assistant for the life of the app, or the error that kept it from opening."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._opening: asyncio.Task[Assistant] | None = None
        self._begun = asyncio.Event()  # a message may be sent before the first frame is done

    def open(self, *, unsaved: bool = False) -> None:
        """Start opening, also once more after a failure."""
        self._opening = asyncio.create_task(asyncio.to_thread(self._attended, unsaved))
        self._begun.set()

    def _attended(self, unsaved: bool) -> Assistant:
        """Open everything; somebody is there to say whether a tool may run."""
        assistant = self._build(unsaved)
        assistant.options = dataclasses.replace(assistant.options, attended=True)
        return assistant

    async def assistant(self) -> Assistant:
        """Return the assistant, waiting until it is open. Raises what kept it from opening."""
        await self._begun.wait()
        assert self._opening is not None
        return await asyncio.shield(self._opening)

    @property
    def opened(self) -> Assistant | None:
        """The assistant if it is open."""
        task = self._opening
        if task is None or not task.done() or task.cancelled() or task.exception():
            return None
        return task.result()

    async def open_source(self, citation: Citation) -> Source | Problem:
        """Return the document a quote stands in and whether it still stands there."""
        from chatapp.tui.screens.passage import Source

        try:
            document = await (await self.assistant()).document(citation.document)
        except Exception as error:
            log.exception("a source did not open")
            return problem_of("The source cannot be opened", error)
        verified = document.text[citation.start : citation.end] == citation.quote
        return Source(document.title, document.uri, document.text, verified)

    def close(self) -> None:
        """Write what is queued and close the files."""
        if (assistant := self.opened) is not None:
            assistant.close()
