"""Who comes next: a bounded queue that is fair to clients, not to requests.

A client that asks for a hundred things waits for its own; one that asks for a single thing is
served before the second of theirs. Not thread-safe: the scheduler holds its lock around it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueFull(Exception):
    """No more may wait; `client_only` says that only this client waits for too much."""

    def __init__(self, *, client_only: bool) -> None:
        super().__init__("too many requests are waiting")
        self.client_only = client_only


class FairQueue(Generic[T]):
    """Waiting items by client.

    Args:
        capacity: how many may wait in all.
        per_client: how many of one client may wait.
    """

    def __init__(self, capacity: int, per_client: int) -> None:
        self._capacity, self._per_client = capacity, per_client
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()  # next in turn first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, client: str, items: Sequence[T]) -> None:
        """Let items wait together, or none of them.

        Raises:
            QueueFull: they would be too many.
        """
        if self._count + len(items) > self._capacity:
            raise QueueFull(client_only=False)
        if len(self._waiting.get(client, ())) + len(items) > self._per_client:
            raise QueueFull(client_only=True)
        self._waiting.setdefault(client, deque()).extend(items)
        self._count += len(items)

    def pop(self, running: Mapping[str, int]) -> T | None:
        """Take the next item; None when nothing waits.

        Args:
            running: how much is in the making for each client. The one with the least is next,
                and among equals the one that was served longest ago.
        """
        if not self._waiting:
            return None
        client = min(self._waiting, key=lambda name: running.get(name, 0))
        queue = self._waiting[client]
        item = queue.popleft()
        self._count -= 1
        if queue:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        return item

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take out and return what need not wait any more."""
        removed = []
        for client, queue in list(self._waiting.items()):
            gone = [item for item in queue if unwanted(item)]
            if not gone:
                continue
            removed += gone
            self._waiting[client] = deque(item for item in queue if not unwanted(item))
            if not self._waiting[client]:
                del self._waiting[client]
        self._count -= len(removed)
        return removed
