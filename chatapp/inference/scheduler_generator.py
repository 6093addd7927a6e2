"""A `Generator` over a scheduler, so that an assistant's answers share the batch with others."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence

from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.inference.scheduler import Scheduler

_LISTEN_SECONDS = 0.05  # how often `should_stop` is asked while nothing arrives


class ScheduledGenerator:
    """See `chatapp.inference.generator.Generator`. Several threads may stream at once.

    Args:
        scheduler: what makes the replies.
        client: whose share of the queue they count to.
    """

    def __init__(self, scheduler: Scheduler, client: str) -> None:
        self.name = scheduler.name
        self.context_length = scheduler.context_length
        self._scheduler, self._client = scheduler, client

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """See `Generator.count_tokens`."""
        return len(self._scheduler.prompt(messages))

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """See `Generator.stream`.

        Raises:
            ContextOverflow, ConstraintError, Busy, Closing: see `Scheduler.submit`.
        """
        arrived: queue.SimpleQueue[TextDelta | Finished | Exception] = queue.SimpleQueue()
        prompt = self._scheduler.prompt(messages)
        [ticket] = self._scheduler.submit(prompt, params, [arrived.put], client=self._client)
        try:
            while True:
                if should_stop():
                    ticket.cancel()
                try:
                    item = arrived.get(timeout=_LISTEN_SECONDS)
                except queue.Empty:
                    continue
                if isinstance(item, Exception):
                    raise item
                yield item
                if isinstance(item, Finished):
                    return
        finally:
            ticket.cancel()
