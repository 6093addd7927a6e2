"""Bridges the synchronous generator in its worker thread to the event loop, without blocking it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from typing import TypeVar

from chatapp.assistant.run import Run

T = TypeVar("T")


class _End:
    """Marks the end of a stream; `error` is what ended it early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


async def stream_from_thread(
    executor: Executor, run: Run, start: Callable[[], Iterator[T]]
) -> AsyncIterator[T]:
    """Yield what the iterator of `start()` yields in a worker thread, as it is made.

    Raises:
        Interrupted: the run was stopped. The thread sees `run.should_stop()` and ends by itself.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[T | _End] = asyncio.Queue()

    def send(item: T | _End) -> None:
        # The loop is closed when the program ends while the thread is still at work.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(arrived.put_nowait, item)

    def work() -> None:
        try:
            for item in start():
                send(item)
                if run.should_stop():
                    break
        except BaseException as error:  # noqa: BLE001 - carried over and raised in the loop
            send(_End(error))
        else:
            send(_End())

    executor.submit(work)
    while True:
        item = await run.unless_stopped(asyncio.ensure_future(arrived.get()))
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
