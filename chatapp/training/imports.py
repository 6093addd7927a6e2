"""Foreign files into our record schemas: what `chatapp data import` does.

Every row is checked as a training stage would check it, gets an id if it has none, and keeps the
fields of its schema and no others.
"""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from chatapp.training import records
from chatapp.training.dedupe import Deduplicator
from chatapp.training.readers import RecordError, Row, read_rows
from chatapp.training.recipe import Source

# Every kind's check, and the fields that are kept in this order.
_SCHEMAS: dict[str, tuple[Callable[[Row], Any], tuple[str, ...]]] = {
    "text": (records.text_record, ("id", "title", "text", "url", "source")),
    "chat": (records.chat_record, ("id", "messages", "source")),
    "preference": (
        records.preference_record,
        ("id", "messages", "chosen", "rejected", "source"),
    ),
    "rating": (records.rating_record, ("id", "messages", "response", "reward", "source")),
    "qa": (
        records.chat_record,
        ("id", "question", "answers", "context", "title", "unanswerable", "choices", "source"),
    ),
    "reasoning": (records.chat_record, ("id", "question", "solution", "answer", "source")),
    "code": (records.chat_record, ("id", "prompt", "code", "tests", "source")),
}


def convert(
    paths: Iterable[str], kind: str, fields: dict[str, str], unique: Deduplicator
) -> Iterator[dict[str, Any]]:
    """Yield the rows of files, directories and Hub datasets as records of one kind.

    Args:
        fields: which column serves as which field of ours.
        unique: documents that it knows already are left out; other kinds it does not see.

    Raises:
        MissingFile: a path that names nothing.
        RecordError: a row that is no record of this kind.
    """
    check, known = _SCHEMAS[kind]
    for path in paths:
        for row in read_rows(Path(), Source(path, fields=fields)):
            record = check(row)
            found = records.kind_of(row.fields)
            if found != kind:
                raise RecordError(f"{row.where}: this is a {found} record, not a {kind} record")
            if kind == "text" and unique.is_repeat(record):
                continue
            kept = {name: row.fields[name] for name in known if row.fields.get(name) is not None}
            yield {"id": record.id, **kept}


@contextmanager
def written(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Open a file of records, packed as its suffix says; it appears whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with _open(temporary, path.suffix) as file:
            yield lambda record: _write(file, record)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write(file: IO[str], record: dict[str, Any]) -> None:
    file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")


def _open(path: Path, suffix: str) -> IO[str]:
    if suffix == ".xz":
        return lzma.open(path, "wt", encoding="utf-8")
    if suffix == ".gz":
        return gzip.open(path, "wt", encoding="utf-8")
    return path.open("w", encoding="utf-8")
