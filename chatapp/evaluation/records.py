"""Reading record files (`.jsonl` or `.jsonl.xz`), and choosing which records are measured.

A record that does not fit its schema stops the run with its file and line: a figure over "most of
the file" would look like a figure over the file.
"""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

T = TypeVar("T")


# where a person finds what a record looks like
_SCHEMAS = "the handbook has the schemas of records, in docs/handbook/training-data.md."


class DataError(ValueError):
    """A data file that cannot be used; the message names the file and, where known, the line."""

    def __init__(self, message: str, *, hint: str = _SCHEMAS) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MissingData(DataError):
    """A data file that is not there."""


def read(path: Path, parse: Callable[[dict[str, Any], str], T]) -> Iterator[T]:
    """Yield the parsed records of one file, in its order.

    Args:
        path: the file; `.xz` is unpacked.
        parse: makes an item of a record and the words that name its place.

    Raises:
        MissingData: there is no such file.
        DataError: it cannot be read or unpacked, holds no record, or one is malformed.
    """
    line = records = 0
    try:
        with _open(path) as lines:
            for line, text in enumerate(lines, start=1):
                if text.strip():
                    records += 1
                    where = f"{path}, line {line}"
                    yield parse(_object(text, where), where)
    except FileNotFoundError as error:
        raise MissingData(f"{path} does not exist", hint="check the path.") from error
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read {path} after line {line}: {error}", hint="fetch or unpack it again."
        ) from error
    if records == 0:
        raise DataError(f"{path} is empty")


def choose(items: Sequence[T], limit: int | None, seed: int) -> list[T]:
    """Return `limit` items (all without one), chosen by a shuffle that the seed fixes.

    A larger limit with the same seed keeps the items of the smaller one.
    """
    shuffled = list(items)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:limit]


def _open(path: Path) -> TextIO:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}") from error
    if not isinstance(record, dict):
        raise DataError(f"{where}: not a JSON object")
    return record
