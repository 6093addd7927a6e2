"""Something expensive that is made once, on first use, always in the same worker thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Lazy(Generic[T]):
    """Holds `value` after the first successful `get`; a failed one is tried again next time."""

    def __init__(self, load: Callable[[], T], thread_name: str) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=thread_name)
        self.value: T | None = None
        self._load = load

    def get(self) -> T:
        """Return the value, making it if needed. Call it in `thread` only."""
        if self.value is None:
            self.value = self._load()
        return self.value

    def call(self, job: Callable[[T], R]) -> R:
        """Return what `job` makes of the value in `thread`, from any other thread."""
        return self.thread.submit(lambda: job(self.get())).result()

    def close(self) -> None:
        """Let the thread end once it is idle, without waiting for it."""
        self.thread.shutdown(wait=False, cancel_futures=True)
