"""Record files: JSON lines, plain or xz-packed, of the kinds knowledge, pretrain and qa.

The thing to know: the file is streamed, so a corpus of any size takes the memory of one line. A qa
record contributes its `context` paragraph as a document (each paragraph once); its question and
answers are never indexed, or evaluation would read its own answers.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from retrieval.errors import LoadError, unreadable
from retrieval.loaders.dates import iso_date, language_code
from retrieval.loaders.types import BadRecord, Loaded
from retrieval.text import sanitize_text, sanitize_title

MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_BAD_LINES = 20

_SCHEMA_HINT = (
    "a line is a JSON object with id, title and text (knowledge, pretrain) or with question,"
    " answers and context (qa)"
)


def read_records(path: Path, *, skip: int = 0) -> Iterator[Loaded | BadRecord]:
    """Yield the documents of a record file after its first `skip` lines.

    The first 20 bad lines are named one by one, further ones by their number.

    Raises:
        LoadError: unreadable, damaged or truncated packing, or 20 bad lines and no good one.
    """
    seen: dict[bytes, bytes] = {}
    bad = taken = position = 0
    for position, consumed, line in read_lines(path):
        if not line.strip():
            continue
        try:
            document = _document(path, line, position, consumed)
        except LoadError as error:
            if position <= skip:
                continue
            bad += 1
            if bad <= MAX_BAD_LINES:
                yield BadRecord(position, error.message, error.hint)
            if bad == MAX_BAD_LINES and not (taken or skip):
                raise LoadError(
                    f"line {position}: {bad} bad lines and no good one, giving the file up",
                    error.hint,
                ) from error
            continue
        # Skipped lines are looked at as well, so that an interruption changes no address behind it.
        alone = _told_apart(document, seen) if document else None
        if alone and position > skip:
            taken += 1
            yield alone
    if bad > MAX_BAD_LINES:
        yield BadRecord(position, f"{bad - MAX_BAD_LINES} more bad lines up to here", _SCHEMA_HINT)
    if not (taken or bad or skip):
        raise LoadError("the file holds no document", _SCHEMA_HINT)


def read_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (line number from 1, bytes of the file behind it, line)."""
    position = 0
    try:
        with path.open("rb") as raw:
            unpacked = _unpacked(path, raw)
            while line := unpacked.readline(MAX_LINE_BYTES):
                position += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    raise LoadError(
                        f"line {position} is longer than {MAX_LINE_BYTES >> 20} MB",
                        "split the record",
                    )
                yield position, raw.tell(), line
    except OSError as error:
        raise unreadable(error) from error
    except (lzma.LZMAError, EOFError) as error:
        raise LoadError(
            f"the xz packing is damaged after line {position}: {error}",
            "fetch the file again; what came before the damage is indexed",
        ) from error


def _unpacked(path: Path, raw: BinaryIO) -> BinaryIO:
    if path.suffix.lower() == ".xz":
        return cast(BinaryIO, io.BufferedReader(lzma.LZMAFile(raw), 1 << 20))
    return raw


def _document(path: Path, line: bytes, position: int, consumed: int) -> Loaded | None:
    """Return the document of one record, None when it has none to give (a qa without context)."""
    record = _parse(line)
    kind = _kind(record)
    if kind == "qa":
        text, title = record.get("context"), record.get("title") or ""
        if text is None:
            return None
    else:
        text, title = record["text"], record["title"]
    if not isinstance(text, str) or not isinstance(title, str):
        raise LoadError("title and text must be strings", _SCHEMA_HINT)
    clean, name = sanitize_text(text).strip(), sanitize_title(title)
    if not clean:
        return None
    address = _paragraph_id(name, clean) if kind == "qa" else sanitize_text(str(record["id"]))
    uri = record.get("url") or f"{path.as_uri()}#{address}"
    return Loaded(
        address=address,
        uri=sanitize_text(str(uri)),
        title=name or _opening(clean),
        text=clean,
        position=position,
        consumed=consumed,
        date=iso_date(record.get("date") or record.get("timestamp") or ""),
        language=language_code(record.get("language") or record.get("lang") or ""),
    )


def _opening(text: str) -> str:
    """Return the first words of a text that came without a title."""
    return textwrap.shorten(text[:400], 60, placeholder="…")


def _parse(line: bytes) -> dict[str, object]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError: no UTF-8, no JSON, or a huge number
        raise LoadError(f"not JSON ({error})", _SCHEMA_HINT) from error
    if not isinstance(record, dict):
        raise LoadError("not a JSON object", _SCHEMA_HINT)
    return record


def _kind(record: dict[str, object]) -> str:
    if {"question", "answers", "context"} <= record.keys():
        return "qa"
    if {"id", "title", "text"} <= record.keys():
        return "text"
    names = ", ".join(sorted(map(str, record))[:8]) or "none"
    raise LoadError(f"unknown record schema (fields: {names})", _SCHEMA_HINT)


def _paragraph_id(title: str, text: str) -> str:
    return hashlib.blake2b(f"{title}\0{text}".encode(), digest_size=8).hexdigest()


def _told_apart(document: Loaded, seen: dict[bytes, bytes]) -> Loaded | None:
    """Return the document under an address that no other text of the file has.

    None for a copy: many questions share a paragraph.
    """
    address, text = _mark(document.address), _mark(document.text)
    if address not in seen:
        seen[address] = text
        return document
    if seen[address] == text:
        return None
    return _told_apart(replace(document, address=f"{document.address}~{text.hex()}"), seen)


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
