"""What the commands of the index share: the open index, a polite stop, progress.

The thing to know: Ctrl-C is not an error: what was read is committed, and the same command goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp import paths
from chatapp.cli.person import is_terminal

if TYPE_CHECKING:
    from retrieval.embedding import Embedder
    from retrieval.index import Index
    from retrieval.types import IngestProgress


@contextmanager
def opened(
    *, to_read: bool = False, through: Callable[[Embedder], Embedder] | None = None
) -> Iterator[Index]:
    """Open the person's index for the length of one command.

    A command that only reads also works in a home that cannot be written. `through` may put
    something in the embedder's place that makes the same vectors.
    """
    from chatapp.assistant.own_index import open_own_index

    path = paths.index_path()
    read_only = to_read and path.exists() and not os.access(path.parent, os.W_OK)
    opened = open_own_index(read_only=read_only, through=through)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a polite stop; a second Ctrl-C interrupts at once."""
    asked = threading.Event()

    def stop(number: int, frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar() -> Iterator[Callable[[IngestProgress], None]]:
    """Show share, time left and passages a second on stderr while it is a terminal."""
    with byte_bar() as told:
        began = time.monotonic()

        def show(state: IngestProgress) -> None:
            rate = state.passages / max(0.1, time.monotonic() - began)
            name = Path(state.path).name[:30]
            told(
                state.done_bytes,
                max(state.total_bytes, state.done_bytes),
                name,
                f"{state.passages:,} passages, {rate:,.0f}/s",
            )

        yield show


@contextmanager
def byte_bar() -> Iterator[Callable[[int, int, str, str], None]]:
    """Yield what takes (bytes done, bytes in all or 0, name, more) and shows them on a terminal."""
    from tqdm import tqdm

    with tqdm(
        unit="B", unit_scale=True, file=sys.stderr, disable=not is_terminal(sys.stderr), leave=False
    ) as bar:

        def tell(done: int, whole: int, name: str, more: str) -> None:
            bar.total = whole or None
            bar.set_description(name, refresh=False)
            bar.set_postfix_str(more, refresh=False)
            bar.update(done - bar.n)

        yield tell
