"""The FAISS file: one line of JSON that says what it is a cache of, then FAISS's own bytes.

The thing to know: a file is used only if header, length and checksum all fit; it is replaced as a
whole (temporary file, fsync, rename), so a reader meets the old one or the new one, never a half.
"""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

_FORMAT = 1
_BLOCK = 1 << 20
_LONGEST_HEADER = 4096


@dataclass(frozen=True)
class Header:
    """What the cached vectors belong to; `highest` is the largest passage id among them."""

    database: str
    embedder: str
    dimension: int
    count: int
    highest: int


def signature(path: Path) -> tuple[int, int, int] | None:
    """Return what tells one version of the file from the next, None when there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def load_faiss() -> Any:
    """Import FAISS untyped: its own stubs leave out half of what it has."""
    import faiss

    return faiss


def read(path: Path, wanted: Header) -> tuple[Header, Any] | None:
    """Return header and FAISS index, None when missing, damaged or of something else than wanted.

    Database, embedder and dimension of `wanted` decide; count and highest are the file's own.
    """
    faiss = load_faiss()
    try:
        with path.open("rb") as file:
            fields = json.loads(file.readline(_LONGEST_HEADER))
            checksum, version = fields.pop("checksum"), fields.pop("format")
            header = Header(**fields)
            same = header.database == wanted.database and header.embedder == wanted.embedder
            if version != _FORMAT or not same or header.dimension != wanted.dimension:
                return None
            body = file.tell()
            if _checksum(file) != checksum:
                return None
            file.seek(body)
            index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError):
        return None  # whatever is wrong with a cache, the cure is the same: build it anew
    return (header, index) if index.ntotal == header.count else None


def write(path: Path, header: Header, index: Any) -> None:
    """Replace the file at `path` by `index` in one step."""
    data = memoryview(load_faiss().serialize_index(index))
    fields = {**asdict(header), "format": _FORMAT, "checksum": zlib.crc32(data)}
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(fields).encode() + b"\n")
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _checksum(file: BinaryIO) -> int:
    value = 0
    while block := file.read(_BLOCK):
        value = zlib.crc32(block, value)
    return value
