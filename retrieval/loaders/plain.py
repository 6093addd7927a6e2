"""Plain text: decoded honestly, refused if it is none, cut into parts if it is huge.

The thing to know: a document is unpacked as a whole whenever a passage of it is shown, so a text of
a gigabyte is many documents, one a part of some four million characters, read one after the other.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from retrieval.errors import LoadError
from retrieval.loaders.encoding import decode, encoding_of, not_valid
from retrieval.loaders.types import Loaded, Parsed
from retrieval.text import sanitize_text, sanitize_title

MAX_BYTES = 64 * 1024 * 1024  # of a text that is read at once
PART_CHARACTERS = 4_000_000
_PART_FROM_BYTES = 8 * 1024 * 1024
_BLOCK_BYTES = 1 << 20


def read_plain(path: Path) -> Parsed:
    """Return a text file; its title is the file's name.

    Raises:
        LoadError: empty, binary, too large, or in an unknown encoding.
    """
    return Parsed(path.stem, read_text(path), has_titles=False)


def is_huge(path: Path) -> bool:
    """Whether the file is read by `read_parts`."""
    return path.stat().st_size > _PART_FROM_BYTES


def read_text(path: Path, *, declares: bool = False) -> str:
    """Return the characters of a file; see `encoding.decode`."""
    size = path.stat().st_size
    if size == 0:
        raise LoadError("the file is empty", "there is nothing to index in it")
    if size > MAX_BYTES:
        raise LoadError(
            f"the file has {size / 1e6:.0f} MB; this kind is taken up to {MAX_BYTES / 1e6:.0f} MB",
            "split it, or save it as plain text (.txt), which is taken at any size",
        )
    return decode(path.read_bytes(), declares=declares)


def read_parts(path: Path, *, skip: int = 0) -> Iterator[Loaded]:
    """Yield the parts of a huge text after its first `skip`; the last one may be short.

    Raises:
        LoadError: binary, in an unknown encoding, or damaged; earlier parts stand.
    """
    for number, consumed, raw in _parts(path):
        text = sanitize_text(raw).strip()
        if number <= skip or not text:
            continue
        yield Loaded(
            address=f"part-{number}",
            uri=f"{path.as_uri()}#part-{number}",
            title=sanitize_title(f"{path.stem}, part {number}"),
            text=text,
            position=number,
            consumed=consumed,
            has_titles=False,
        )


def _parts(path: Path) -> Iterator[tuple[int, int, str]]:
    """Yield (number from 1, bytes of the file behind it, characters), cut at paragraph ends."""
    number, text = 0, ""
    for consumed, piece in _decoded(path):
        text += piece
        while len(text) >= PART_CHARACTERS:
            number += 1
            end = _good_end(text)
            yield number, consumed, text[:end]
            text = text[end:]
    yield number + 1, path.stat().st_size, text


def _good_end(text: str) -> int:
    """Return where to cut a part: after a paragraph, a line or a word, if one ends in its half."""
    for mark in ("\n\n", "\n", " "):
        end = text.rfind(mark, PART_CHARACTERS // 2, PART_CHARACTERS)
        if end >= 0:
            return end + len(mark)
    return PART_CHARACTERS


def _decoded(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (bytes behind it, characters) in blocks."""
    with path.open("rb") as file:
        block = file.read(_BLOCK_BYTES)
        encoding = encoding_of(block, whole=False)
        decoder = codecs.getincrementaldecoder(encoding)()
        behind = 0
        while block:
            try:
                yield behind + len(block), decoder.decode(block)
            except UnicodeDecodeError as error:
                error.start += behind
                raise not_valid(encoding, error) from error
            behind += len(block)
            block = file.read(_BLOCK_BYTES)
