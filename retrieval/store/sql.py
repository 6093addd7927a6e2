"""The few calls that both databases answer alike, so that rows are written and read in one place.

The thing to know: SQL in this package that goes through `Sql` is written once, with `?` for values,
and has to hold in SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")
_BLOCK = 500  # values in one `IN (…)`


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the remaining rows."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Sql(Protocol):
    """A connection within a transaction of the caller's."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement; `?` stands for a value."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run one statement for each row of values."""
        ...


def blocks(items: Sequence[_T]) -> Iterator[list[_T]]:
    """Yield `items` in pieces that fit into one statement."""
    for start in range(0, len(items), _BLOCK):
        yield list(items[start : start + _BLOCK])


def marks(items: Sequence[object]) -> str:
    """Return as many `?` as there are items."""
    return ",".join("?" * len(items))
