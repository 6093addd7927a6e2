"""Plain text: decode honestly, refuse what is not text."""

from __future__ import annotations

import codecs
from pathlib import Path

from retrieval.errors import LoadError

MAX_BYTES = 64 * 1024 * 1024
_SNIFF_BYTES = 8192
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_plain(path: Path) -> tuple[str, str]:
    """Return (title, text) of a text file; the title is the file's name.

    Raises:
        LoadError: empty, binary, too large, or not UTF-8.
    """
    return path.stem, read_text(path)


def read_text(path: Path) -> str:
    """Return the characters of a UTF-8 (or byte-order-marked UTF-16) file."""
    size = path.stat().st_size
    if size == 0:
        raise LoadError("the file is empty", "there is nothing to index in it")
    if size > MAX_BYTES:
        raise LoadError(
            f"the file has {size / 1e6:.0f} MB; text is taken up to {MAX_BYTES / 1e6:.0f} MB",
            "split it, or turn it into a .jsonl file with one document a line",
        )
    return decode(path.read_bytes())


def decode(data: bytes) -> str:
    """Return `data` as text.

    Raises:
        LoadError: binary, or in an encoding that cannot be told for certain.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode(data, encoding)
    if b"\0" in data[:_SNIFF_BYTES]:
        raise LoadError("this is a binary file, not text", "convert it to text, Markdown or PDF")
    return _decode(data, "utf-8")


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise LoadError(
            f"the text is not valid {encoding.upper()} (byte {error.start})",
            "convert it first, for example: iconv -f latin1 -t utf-8 FILE > FILE.txt",
        ) from error
