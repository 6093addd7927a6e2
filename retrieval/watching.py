"""Keep an index in step with folders while they change.

The thing to know: a change is only the reason to look. The folders are then added as a whole again,
which skips what has not changed by size and time, so no event that the system lost, merged or gave
out of order can leave the index wrong. Looking at 10,000 unchanged files takes about half a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.types import IngestProblem, IngestReport

if TYPE_CHECKING:
    from watchfiles import Change

    from retrieval.index import Index

DEBOUNCE_MS = 1_000  # a save is several events, and an editor's save of many files takes a moment
POLL_SECONDS = 2.0
_STOP_MS = 200  # how soon a stop is noticed

log = logging.getLogger("chatapp")


def watch_folders(
    index: Index,
    folders: Sequence[Path],
    stop: threading.Event,
    *,
    collection: str = "files",
    poll: bool = False,
) -> Iterator[IngestReport]:
    """Add the folders, then again after every change, and yield what each time brought.

    The first report comes always, later ones when something has changed. `poll` looks every other
    second instead of waiting for the system, which does not see what others do on a network drive.
    """
    watched = [folder.resolve() for folder in folders]
    changes = _changes(watched, stop, poll=poll)
    if not poll:
        next(
            changes, None
        )  # it listens from here on, so what changes during the first look is seen
    told: list[IngestProblem] | None = None
    while not stop.is_set():
        report = index.add(watched, collection=collection, should_stop=stop.is_set)
        if told is None or _did_something(report) or report.problems != told:
            yield report
        told = report.problems
        if not any(changes):  # waits for the next burst
            return


def _did_something(report: IngestReport) -> bool:
    return bool(report.added or report.updated or report.removed)


def _changes(folders: Sequence[Path], stop: threading.Event, *, poll: bool) -> Iterator[bool]:
    """Yield True when it is time to look, False now and then before; end when told to stop.

    Polling is looking itself: the library's polling compares whole seconds, and misses a second
    change within one.
    """
    from watchfiles import watch

    if poll:
        yield from _looks(stop)
        return
    try:
        bursts = watch(
            *folders,
            watch_filter=partial(_worth_a_look, folders),
            debounce=DEBOUNCE_MS,
            step=100,
            stop_event=stop,
            rust_timeout=_STOP_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        for changes in bursts:
            yield bool(changes)
    except OSError as error:
        log.info("watching by looking: %s", error)  # the system's limit of watched folders
        yield from _looks(stop)


def _looks(stop: threading.Event) -> Iterator[bool]:
    """Yield True every two seconds, or as rarely as keeps looking to a tenth of the time."""
    looked = 0.0
    while not stop.wait(max(POLL_SECONDS, 10 * looked)):
        began = time.monotonic()
        yield True
        looked = time.monotonic() - began


def _worth_a_look(folders: Sequence[Path], change: Change, path: str) -> bool:
    """Leave hidden files out: editors and synchronising programs write them all the time."""
    parents = (folder for folder in folders if Path(path).is_relative_to(folder))
    inside = [Path(path).relative_to(folder).parts for folder in parents]
    return any(not any(part.startswith(".") for part in parts) for parts in inside)
