"""Bodies of answers, read within limits that hold *before* anything is unpacked.

The thing to know: 200 kB of gzip can be 200 MB of zeros, and a library that unpacks what it reads
has unpacked 64 MiB before one can count. Here zlib itself is told how much it may give.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncIterator, Callable

from retrieval.web.pages import Unfetchable

ACCEPT_ENCODING = "gzip, deflate"
_BLOCK = 64 << 10
_GZIP, _ZLIB, _BARE = 31, 15, -15  # what zlib calls them
_MEMBERS = 1000  # parts of one gzip body
_GRACE = 5.0  # seconds before the rate is looked at
_SLOWEST = 1024  # bytes a second


async def read_body(
    pieces: AsyncIterator[bytes],
    encoding: str,
    most: int,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Return the unpacked body, of at most `most` bytes as sent and as unpacked.

    Raises:
        Unfetchable: too large, too slow, or packed in a way that was not asked for.
    """
    unpack = _unpacker(encoding)
    body, raw, begun = bytearray(), 0, clock()
    async for piece in pieces:
        raw += len(piece)
        if raw > most:
            raise too_large(most)
        body += unpack(piece, most - len(body))
        if len(body) > most:
            raise too_large(most)
        took = clock() - begun
        if took > _GRACE and raw < took * _SLOWEST:
            raise Unfetchable("too_slow", f"the server sends {raw / took:.0f} bytes a second")
    return bytes(body)


def too_large(most: int) -> Unfetchable:
    """Return what is said of a body above the limit."""
    return Unfetchable("too_large", f"the page is larger than {most / 1e6:.0f} MB")


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    """Return a function from a piece and the bytes left to the unpacked piece.

    It may return one byte more than is left, and never more than that.
    """
    names = [name for part in encoding.lower().split(",") if (name := part.strip())]
    names = [name for name in names if name != "identity"]
    if not names:
        return lambda piece, left: piece
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        raise Unfetchable("protocol", f"the page is packed as {encoding[:60]!r}, unasked")
    return _Deflated() if names[0] == "deflate" else _Inflater(_GZIP)


class _Inflater:
    """gzip, of several members too; what follows the last one is ignored, as browsers do."""

    def __init__(self, wbits: int) -> None:
        self._wbits, self._members = wbits, 1
        self._zlib = zlib.decompressobj(wbits)

    def __call__(self, piece: bytes, left: int) -> bytes:
        found, full = bytearray(), False
        while (piece or full) and len(found) <= left:
            if self._zlib.eof and not self._next_member(piece):
                break
            most = min(_BLOCK, left + 1 - len(found))
            got = self._inflated(piece, most)
            found += got
            full = len(got) == most and not self._zlib.eof
            piece = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
        return bytes(found)

    def _inflated(self, piece: bytes, most: int) -> bytes:
        try:
            return self._zlib.decompress(piece, most)
        except zlib.error:
            raise Unfetchable("protocol", "the page is packed badly") from None

    def _next_member(self, piece: bytes) -> bool:
        if self._wbits != _GZIP or not piece.startswith(b"\x1f"):
            return False
        self._members += 1
        if self._members > _MEMBERS:
            raise Unfetchable("protocol", "the page is packed in too many parts")
        self._zlib = zlib.decompressobj(self._wbits)
        return True


class _Deflated:
    """ "deflate" is zlib's format by its standard, and the bare stream from some servers."""

    def __init__(self) -> None:
        self._start = b""
        self._inflater: _Inflater | None = None

    def __call__(self, piece: bytes, left: int) -> bytes:
        if self._inflater is None:
            self._start += piece
            if len(self._start) < 2:
                return b""
            piece = self._start
            header = int.from_bytes(piece[:2], "big")
            zlib_header = header % 31 == 0 and piece[0] & 15 == 8  # RFC 1950, 2.2
            self._inflater = _Inflater(_ZLIB if zlib_header else _BARE)
        return self._inflater(piece, left)
