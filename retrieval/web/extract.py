"""Parsing of pages in a child process that is kept warm, and killed when a page takes too long.

The thing to know: HTML and PDF parsers can be made to loop, to eat memory and to crash. Nothing of
that happens in this process, and what happens in the child costs one page, not the app.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from retrieval.web.extractor import READY
from retrieval.web.pages import PageText, Unfetchable, page_from

_START_SECONDS = 60.0  # to load the parsers, on a machine with other things to do
_LONGEST_ANSWER = 64 << 20  # bytes
_PAGES_A_CHILD = 200  # parsers leak
_IMPORT_ROOT = Path(__file__).resolve().parents[2]


class Extraction:
    """One child, one page at a time; belongs to one event loop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._child: asyncio.subprocess.Process | None = None
        self._ready, self._pages = False, 0
        self._turn = asyncio.Lock()
        self._making = asyncio.Lock()  # held while a child is being started

    async def warm(self) -> None:
        """Start the child, so that it loads its parsers while a page is on its way."""
        async with self._turn:
            await self._running()

    async def read(self, kind: Literal["html", "pdf"], body: bytes, url: str) -> PageText:
        """Return the page. `body` is a PDF, or HTML in UTF-8.

        Raises:
            Unfetchable: there is nothing to read in it, or the parser did not get through.
        """
        async with self._turn:
            try:
                child = await self._running()
                ask = self._ask(child, kind, body, url)
                answer = await asyncio.wait_for(ask, self._seconds)
            except TimeoutError:
                self._kill()
                message = f"reading the page took longer than {self._seconds:g} s"
                raise Unfetchable("unreadable", message) from None
            except (OSError, EOFError, ValueError):
                self._kill()
                raise Unfetchable("unreadable", "the parser gave up on the page") from None
            except BaseException:
                self._kill()  # its answer would be taken for that of the next page
                raise
        if "error" in answer:
            raise Unfetchable("unreadable", answer["error"])
        page = page_from(answer["page"])
        if not page.text:
            raise Unfetchable("empty", "there is no text on the page")
        return page

    async def close(self) -> None:
        """End the child, also one that is being started."""
        async with self._making:
            child = self._child
            self._kill()
        self._making = asyncio.Lock()  # the next use may be in another event loop
        if child is not None:
            await child.wait()

    async def _ask(
        self, child: asyncio.subprocess.Process, kind: str, body: bytes, url: str
    ) -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        task = json.dumps({"kind": kind, "url": url, "size": len(body)})
        child.stdin.write(task.encode() + b"\n" + body)
        await child.stdin.drain()
        size = int(await child.stdout.readline())
        if size > _LONGEST_ANSWER:
            raise ValueError("the answer is too long")
        answer: dict[str, Any] = json.loads(await child.stdout.readexactly(size))
        self._pages += 1
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._pages >= _PAGES_A_CHILD or (self._child and self._child.returncode is not None):
            self._kill()
        async with self._making:
            if self._child is None:
                self._child = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "retrieval.web.extractor",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    cwd=_IMPORT_ROOT,
                    start_new_session=True,  # Ctrl-C in the terminal is not meant for it
                )
                self._ready, self._pages = False, 0
            child = self._child
        if not self._ready:
            assert child.stdout is not None
            line = await asyncio.wait_for(child.stdout.readline(), _START_SECONDS)
            if line != READY:
                raise EOFError("the parsers do not start")
            self._ready = True
        return child

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None and child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
