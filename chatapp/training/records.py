"""Reading training records: JSON lines, plain or xz-packed, one record schema per kind.

Text records have `text` (and perhaps `title`); chat records have `messages`, a list of
`{"role", "content"}`. Other schemas are refused with the file and line.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from chatapp.model.tokenizer import ROLE_TOKENS
from chatapp.training.recipe import MissingFile, Source


class RecordError(ValueError):
    """A record that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class TextRecord:
    """One document to pretrain on."""

    id: str
    text: str


@dataclass(frozen=True)
class ChatRecord:
    """One conversation: (role, content) pairs in order."""

    id: str
    messages: tuple[tuple[str, str], ...]


def source_files(root: Path, source: Source) -> list[Path]:
    """Return the files a source names, sorted.

    Raises:
        MissingFile: the glob matches nothing.
    """
    pattern = Path(source.path)
    files = [pattern] if pattern.is_absolute() else sorted(root.glob(source.path))
    if not files or not all(file.is_file() for file in files):
        raise MissingFile(
            f"no data at {root / source.path}; give the directory of the records with --data DIR"
        )
    return files


def read_texts(root: Path, source: Source) -> Iterator[TextRecord]:
    """Yield a source's documents, title first, up to its cap per file."""
    for where, record in _capped(root, source):
        text = record.get("text")
        if not isinstance(text, str):
            raise RecordError(f"{where}: a text record needs a string 'text'")
        title = record.get("title")
        yield TextRecord(_identity(record, where), f"{title}\n\n{text}" if title else text)


def read_chats(root: Path, source: Source) -> Iterator[ChatRecord]:
    """Yield a source's conversations up to its cap per file."""
    for where, record in _capped(root, source):
        messages = record.get("messages")
        if not isinstance(messages, list) or not messages:
            raise RecordError(f"{where}: a chat record needs a list 'messages'")
        pairs = tuple(_message(message, where) for message in messages)
        yield ChatRecord(_identity(record, where), pairs)


def _message(message: Any, where: str) -> tuple[str, str]:
    match message:
        case {"role": str(role), "content": str(content)} if role in ROLE_TOKENS:
            return role, content
    raise RecordError(
        f"{where}: a message needs a role ({', '.join(ROLE_TOKENS)}) and a string 'content'"
    )


def _identity(record: dict[str, Any], where: str) -> str:
    identity = record.get("id")
    return identity if isinstance(identity, str) else where


def _capped(root: Path, source: Source) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file:line, record), an equal share of the source's cap from each file."""
    files = source_files(root, source)
    share = source.max_mb * 1e6 / len(files)
    for file in files:
        taken = 0
        for number, line in enumerate(_lines(file), start=1):
            if share and taken >= share:
                break
            taken += len(line)
            yield f"{file}:{number}", _parse(line, f"{file}:{number}")


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise RecordError(f"{where}: not a JSON record: {error}") from error
    if not isinstance(record, dict):
        raise RecordError(f"{where}: a record is a JSON object, not {type(record).__name__}")
    return record


def _lines(file: Path) -> Iterator[bytes]:
    with _open(file) as lines:
        try:
            yield from (line for line in lines if line.strip())
        except (lzma.LZMAError, EOFError) as error:
            raise RecordError(f"{file}: damaged xz file: {error}") from error


def _open(file: Path) -> IO[bytes]:
    return lzma.open(file) if file.suffix == ".xz" else file.open("rb")
