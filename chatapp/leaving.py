"""Ending the process where threads still work, for example on loading a model."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress


def leave(code: int) -> None:
    """End at once with `code`: Python would wait for its threads. All must be stored by now."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def leave_busy_threads(code: int) -> None:
    """End at once with `code` if any thread still works."""
    if threading.active_count() > 1:
        leave(code)
