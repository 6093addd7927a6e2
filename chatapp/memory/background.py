"""Reading rounds in context while nobody waits for it: a few at a time, with long pauses.

The thing to know: whoever talks with a model on the same cores is to notice nothing, so three
quarters of the time are pauses, and what is not read when the app closes is read another time. A
command that has printed its answer reads on without pauses for a moment (`finish`): who only asks
single questions would otherwise never have all of it read.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from chatapp.conversations.types import StorageError

if TYPE_CHECKING:
    from chatapp.memory.contexts import Contexts

_A_FEW = 8  # rounds, some 50 ms of work
_PAUSE = 3.0  # times as long as they took

log = logging.getLogger("chatapp")


class Background:
    """Reads what `contexts` lacks, in a thread of its own, from `begin` until all is read."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._stop = threading.Event()
        self._no_more_pauses = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin, or do nothing while it is at it or after `close`."""
        if self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._read, name="chatapp-recall", daemon=True)
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Read on without pauses; return when all is read, or after `seconds`."""
        self._no_more_pauses.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def close(self) -> None:
        """Stop, and return when the rounds at hand are done."""
        self._stop.set()
        self._no_more_pauses.set()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                if self._contexts.read_new(_A_FEW) < _A_FEW:
                    return
                self._no_more_pauses.wait(_PAUSE * (time.monotonic() - began))
        except StorageError as error:
            log.warning("Earlier rounds were not read: %s", error)
