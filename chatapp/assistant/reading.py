"""The reader that comes with the app, loaded once a process, on first use.

The thing to know: the app works without it. Where its files are missing, rules choose quotes and
short answers; where they are damaged, the log says so and rules do the same.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import TYPE_CHECKING

from chatapp import resources

if TYPE_CHECKING:
    from retrieval.reading.reader import Reader

log = logging.getLogger("chatapp")
_loading = threading.Lock()


def shipped_reader() -> Reader | None:
    """Return the reader, None without usable files. The first call takes a moment."""
    with _loading:
        return _load()


@functools.cache
def _load() -> Reader | None:
    from retrieval.errors import ReaderDamaged
    from retrieval.reading.reader import load_reader

    directory = resources.reader_dir()
    if not directory.is_dir():
        return None
    try:
        return load_reader(directory)
    except ReaderDamaged as error:
        log.warning("%s; rules choose the quotes instead", error)
        return None
