"""A limit on the time that one piece of work takes, for the main thread of a process.

The thing to know: the alarm interrupts a running regular expression too. Windows has no alarms;
there the deadline of the parent process is the only limit.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in what takes longer than `seconds`."""
    if sys.platform == "win32":
        yield
        return

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    rest, every = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, rest, every)
        signal.signal(signal.SIGALRM, before)
