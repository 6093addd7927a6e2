"""What training shows a person while it runs: lines and progress bars on stderr.

tqdm draws the bars where it is installed; a bare GPU machine gets plain lines instead.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_LINE_EVERY_SECONDS = 30.0  # a log file gets a line now and then, not a bar


class Bar(Protocol):
    """A progress bar."""

    def to(self, done: float, note: str = "") -> None:
        """Show that `done` of the total is done."""
        ...


def say(text: str) -> None:
    """Tell the person what is going on, on stderr, without tearing a bar apart."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        print(text, file=sys.stderr, flush=True)
    else:
        tqdm.write(text, file=sys.stderr)


@contextmanager
def progress(description: str, total: float | None, unit: str, *, shown: bool) -> Iterator[Bar]:
    """Yield a bar; `total` None counts upwards, `shown` False shows nothing."""
    if not shown:
        yield _Nothing()
    elif sys.stderr is not None and sys.stderr.isatty() and _has_tqdm():
        from tqdm import tqdm

        with tqdm(desc=description, total=total, unit=unit, unit_scale=total is None) as bar:
            yield _Drawn(bar)
    else:
        yield _Lines(description, total, unit)


def _has_tqdm() -> bool:
    from importlib.util import find_spec

    return find_spec("tqdm") is not None


class _Nothing:
    def to(self, done: float, note: str = "") -> None:
        """Show nothing."""


class _Drawn:
    def __init__(self, bar: object) -> None:
        self._bar = bar

    def to(self, done: float, note: str = "") -> None:
        """Move the bar."""
        from tqdm import tqdm

        assert isinstance(self._bar, tqdm)
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)


class _Lines:
    def __init__(self, description: str, total: float | None, unit: str) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._last = time.monotonic()

    def to(self, done: float, note: str = "") -> None:
        """Say a line if the last one is long ago."""
        if time.monotonic() - self._last < _LINE_EVERY_SECONDS:
            return
        self._last = time.monotonic()
        of = f" of {self._total:g}" if self._total is not None else ""
        say(f"{self._description}: {done:,.0f}{of} {self._unit} {note}".rstrip())
