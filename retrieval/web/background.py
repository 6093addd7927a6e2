"""An event loop in a thread of its own, for callers that wait and may change their mind.

The thing to know: connections, queues for a host and the warm parser outlive one fetch, so they
belong to a loop that does. Any thread may call `run`; each call has a time limit and can be stopped
within 50 ms.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from retrieval.web.errors import Stopped, TimedOut

_ASK_SECONDS = 0.05  # how often `should_stop` is asked

T = TypeVar("T")


class BackgroundLoop:
    """Starts with the first call."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def run(
        self,
        work: Callable[[], Coroutine[Any, Any, T]],
        seconds: float,
        should_stop: Callable[[], bool],
    ) -> T:
        """Return what `work()` returns, or raise what it raises.

        Raises:
            Stopped: `should_stop` said so; the work is cancelled.
            TimedOut: it was not done in time; it is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(work(), self._running())
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            try:
                return future.result(min(_ASK_SECONDS, max(0.0, left)))
            except TimeoutError:
                if future.done():
                    raise
            except CancelledError:
                raise Stopped("stopped") from None
            if should_stop() or left <= 0:
                future.cancel()
                raise Stopped("stopped") if left > 0 else TimedOut(_too_long(seconds))

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `work()` done some time; what it raises is for nobody."""
        asyncio.run_coroutine_threadsafe(work(), self._running())

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `last()` and end the thread. A loop that never ran is left alone."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(last(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="web", daemon=True).start()
            return self._loop


def _too_long(seconds: float) -> str:
    return f"it took longer than {seconds:.3g} s"


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()
