"""Work beside the event loop, in threads: what is long waits for what is long.

Many long requests together would take every thread, and whoever asks for little would wait too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_SHORT = 2**16  # what is no larger takes milliseconds
_long = ThreadPoolExecutor(1, thread_name_prefix="long-requests")


async def beside(work: Callable[[], T], size: int) -> T:
    """Return what `work` returns, run in a thread; raises what it raises.

    Args:
        size: the bytes, characters or token ids that it goes through.
    """
    threads = None if size <= _SHORT else _long
    return await asyncio.get_running_loop().run_in_executor(threads, work)
