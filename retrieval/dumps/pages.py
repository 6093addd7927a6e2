"""A dump as a stream of pages, from any page on.

The thing to know: dumps of large wikis are many bz2 streams one after the other, a hundred pages
each (`multistream`). A position is the stream that a page begins in and its number in there, so
going on after an interruption unpacks one stream again and not the gigabytes before it. A dump in
one stream works as well; there, going on unpacks it from its beginning.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from retrieval.errors import LoadError

MAX_PAGE_BYTES = 64 << 20
_HEADER_BYTES = 1 << 20
_READ = 1 << 18
_UNPACK = 1 << 20
_NUMBER_BITS = 26  # pages in a stream; leaves 37 bits, 137 GB, for where it begins

_PAGE, _PAGE_END = b"<page>", b"</page>"


class RawPage(NamedTuple):
    """One `<page>…</page>`, where to go on after it, and how much of the file lies behind it."""

    position: int
    consumed: int
    xml: bytes


class _Block(NamedTuple):
    """Unpacked bytes, the offset in the file at which their stream begins, and bytes read."""

    stream: int
    consumed: int
    data: bytes


def header(path: Path) -> bytes:
    """Return what stands before the first page.

    Raises:
        LoadError: not a dump of MediaWiki.
    """
    found = b""
    for block in _blocks(path, 0):
        found += block.data
        end = found.find(_PAGE)
        if end >= 0 or len(found) > _HEADER_BYTES:
            found = found[: max(end, 0) or _HEADER_BYTES]
            break
    if b"<mediawiki" not in found:
        raise LoadError(
            "this is no MediaWiki dump",
            "`pages-articles` dumps of https://dumps.wikimedia.org can be read, packed or not",
        )
    return found


def raw_pages(path: Path, after: int = 0) -> Iterator[RawPage]:
    """Yield the pages that come after the position `after`.

    Raises:
        LoadError: the packing is damaged or ends early; pages before that stand.
    """
    first, seen = after >> _NUMBER_BITS, after & ((1 << _NUMBER_BITS) - 1)
    cutter = _Cutter(first)
    for block in _blocks(path, first):
        for stream, number, xml in cutter.pages(block):
            if stream > first or number > seen:
                yield RawPage(stream << _NUMBER_BITS | number, block.consumed, xml)
    if cutter.is_within_a_page():
        raise LoadError(
            "the dump ends in the middle of a page",
            "fetch the file again; what came before is indexed",
        )


class _Cutter:
    """Cuts blocks into pages and numbers them by the stream in which they begin."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._number = 0
        self._rest = b""
        self._rest_stream = stream

    def pages(self, block: _Block) -> Iterator[tuple[int, int, bytes]]:
        """Yield (stream, number in it from 1, XML) of the pages that end in this block."""
        data = self._rest + block.data
        border = len(self._rest)  # what begins before it belongs to an earlier block
        place = 0
        while (begin := data.find(_PAGE, place)) >= 0:
            end = data.find(_PAGE_END, begin)
            if end < 0:
                break
            place = end + len(_PAGE_END)
            self._count(self._rest_stream if begin < border else block.stream)
            yield self._stream, self._number, data[begin:place]
        begin = data.find(_PAGE, place)
        kept = begin if begin >= 0 else max(place, len(data) - len(_PAGE))
        if kept >= border:
            self._rest_stream = block.stream
        self._rest = data[kept:]
        if len(self._rest) > MAX_PAGE_BYTES:
            raise LoadError(
                f"a page is longer than {MAX_PAGE_BYTES >> 20} MB", "this is no dump of MediaWiki"
            )

    def is_within_a_page(self) -> bool:
        return self._rest.startswith(_PAGE)

    def _count(self, stream: int) -> None:
        if stream != self._stream:
            self._stream, self._number = stream, 0
        self._number += 1


def _blocks(path: Path, offset: int) -> Iterator[_Block]:
    if path.suffix.lower() == ".bz2":
        yield from _unpacked(path, offset)
        return
    with path.open("rb") as file:
        while data := file.read(_UNPACK):
            yield _Block(0, file.tell(), data)


def _unpacked(path: Path, offset: int) -> Iterator[_Block]:
    """Yield the content of the streams from `offset` on, never more than a megabyte at once."""
    with path.open("rb") as file:
        file.seek(offset)
        stream, unpacker = offset, bz2.BZ2Decompressor()
        packed = file.read(_READ)
        while packed or not unpacker.needs_input:
            try:
                data = unpacker.decompress(packed, _UNPACK)
            except OSError as error:
                raise LoadError(
                    f"the bz2 packing is damaged near byte {file.tell():,}: {error}",
                    "fetch the file again; what came before the damage is indexed",
                ) from error
            if data:
                yield _Block(stream, file.tell(), data)
            packed = b""
            if unpacker.eof:
                packed = unpacker.unused_data or file.read(_READ)
                stream, unpacker = file.tell() - len(packed), bz2.BZ2Decompressor()
            elif unpacker.needs_input:
                packed = file.read(_READ)
                if not packed:
                    raise LoadError(
                        "the bz2 packing ends early",
                        "fetch the file again; what came before the end is indexed",
                    )


_REDIRECT = re.compile(
    rb"<title>([^<]{1,300})</title>\s*<ns>0</ns>\s*<id>\d+</id>"
    rb"\s*<redirect title=\"([^\"]{1,300})\""
)


def redirects(path: Path) -> Iterator[tuple[int, list[tuple[bytes, bytes]]]]:
    """Yield (bytes read, [(title, what it leads to)]) of all articles that are only redirects."""
    rest = b""
    for block in _blocks(path, 0):
        data = rest + block.data
        found = [(match[1], match[2]) for match in _REDIRECT.finditer(data)]
        yield block.consumed, found
        rest = data[max(data.rfind(b"<title>"), len(data) - 2000) :]
        if _REDIRECT.search(rest):  # it was found already
            rest = b""
