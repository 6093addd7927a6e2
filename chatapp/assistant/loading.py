"""Loading a model while somebody watches: `model.loading` events until it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from chatapp.assistant.events import Error, ModelLoading
from chatapp.assistant.failures import explain
from chatapp.assistant.models import Models


async def loading(models: Models, name: str) -> AsyncGenerator[ModelLoading | Error, None]:
    """Load a model and yield how far it is; the last event has fraction 1 or is the error."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[float | None] = asyncio.Queue()

    def hear(fraction: float) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, fraction)

    place = models.get(name, hear)
    yield ModelLoading(name, 0.0)
    load = loop.run_in_executor(place.thread, place.get)
    load.add_done_callback(lambda _: heard.put_nowait(None))
    while (fraction := await heard.get()) is not None:
        yield ModelLoading(name, min(fraction, 0.99))
    try:
        load.result()
    except Exception as error:  # noqa: BLE001 - every failure becomes an event
        yield explain(error)
        return
    yield ModelLoading(name, 1.0)
