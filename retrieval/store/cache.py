"""Cache files beside the database: sections of bytes, their checksums, and a header at the end.

The thing to know: a cache is used only if it says that it was made from this database, in this
state of its history; it is replaced as a whole (temporary file, fsync, rename), so a reader meets
the old one or the new one, never a half. It is memory-mapped, and opening it reads next to nothing:
each block of bytes is compared with its checksum when it is first needed. The header stands at the
end, because FAISS insists on having the beginning.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = b"chatapp2"  # names the format
_FOOTER = struct.Struct("<8sII")  # magic, length and checksum of the header before it
BLOCK = 1 << 16  # bytes with a checksum of their own; 64 KiB take 0.03 ms to check
_ALIGNMENT = 64


class CacheDamaged(Exception):
    """The file is not what it was written as, or belongs to something else."""


@dataclass(frozen=True)
class Header:
    """What a cache was made from.

    `highest` is the highest passage number in it and `removed` the last removal that it knows of;
    `mark` names the content of the passage `highest`, so that a database which lost its last
    commits in a power failure and gave their numbers away again is told apart. `content` is what
    the cache itself adds: embedder, dimension, count.
    """

    database: str
    highest: int
    removed: int
    mark: str
    content: dict[str, Any]


def signature(path: Path) -> tuple[int, int, int] | None:
    """Return what tells one version of the file from the next, None when there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


class CacheFile:
    """An open cache file: header and sections, checked as they are read. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Map the file and read its header.

        Raises:
            CacheDamaged: there is none, or it is damaged.
        """
        import numpy as np

        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise CacheDamaged(str(error)) from error
        try:
            fields = _footer(self._map)
            self.header = Header(**fields["header"])
            self._sections: dict[str, list[Any]] = fields["sections"]
            self._end, size = fields["blocks"]
            table = self._map[self._end : self._end + size]
            if zlib.crc32(table) != fields["table"]:
                raise CacheDamaged("the table of checksums is damaged")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CacheDamaged(str(error)) from error
        self._checksums = np.frombuffer(table, dtype=np.uint32)
        self._known = np.zeros(len(self._checksums), dtype=bool)
        self._view = memoryview(self._map)

    def array(self, name: str) -> NDArray[Any]:
        """Return a section as a flat array over the mapped file; nothing is checked yet."""
        import numpy as np

        kind, start, size = self._sections[name]
        return np.frombuffer(self._view[start : start + size], dtype=np.dtype(kind))

    def span(self, name: str) -> tuple[int, int]:
        """Return where a section begins in the file, and its size, in bytes."""
        _, start, size = self._sections[name]
        return start, size

    def check(self, name: str, start: int, end: int) -> None:
        """Make sure that bytes `start` to `end` of a section are as they were written.

        Raises:
            CacheDamaged: they are not.
        """
        offset = self._sections[name][1]
        first, last = (offset + start) // BLOCK, (offset + max(start, end - 1)) // BLOCK
        if self._known[first : last + 1].all():
            return
        for block in range(first, last + 1):
            if not self._known[block]:
                data = self._view[block * BLOCK : min((block + 1) * BLOCK, self._end)]
                if zlib.crc32(data) != self._checksums[block]:
                    raise CacheDamaged(f"block {block} does not fit its checksum")
                self._known[block] = True

    def check_all(self, name: str) -> None:
        """Make sure that a whole section is as it was written."""
        self.check(name, 0, self._sections[name][2])


def _footer(data: mmap.mmap) -> dict[str, Any]:
    """Return the header as it was written.

    Raises:
        CacheDamaged: it is not there or not whole.
    """
    magic, size, checksum = _FOOTER.unpack(data[-_FOOTER.size :].rjust(_FOOTER.size, b"\0"))
    line = data[max(0, len(data) - _FOOTER.size - size) : len(data) - _FOOTER.size]
    if magic != _MAGIC or zlib.crc32(line) != checksum:
        raise CacheDamaged("the header does not fit its checksum")
    fields: dict[str, Any] = json.loads(line)
    return fields


class Writer:
    """Writes the sections of a cache file, one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        self._pending = bytearray()
        self._checksums: list[int] = []
        self._sections: dict[str, list[Any]] = {}

    def section(self, name: str, data: NDArray[Any]) -> None:
        """Write one array."""
        with self.stream(name, data.dtype.str):
            self._append(data.tobytes())

    @contextmanager
    def stream(self, name: str, kind: str) -> Iterator[Any]:
        """Write a section of items of type `kind` in pieces, through the function given."""
        self._append(bytes(-self._position % _ALIGNMENT))
        start = self._position
        yield self._append
        self._sections[name] = [kind, start, self._position - start]

    def finish(self, header: Header) -> None:
        """Write the checksums and the header."""
        import numpy as np

        self._flush(everything=True)
        table = np.array(self._checksums, dtype=np.uint32).tobytes()
        self._file.write(table)
        fields = {
            "header": asdict(header),
            "sections": self._sections,
            "blocks": [self._position, len(table)],
            "table": zlib.crc32(table),
        }
        line = json.dumps(fields).encode()
        self._file.write(line + _FOOTER.pack(_MAGIC, len(line), zlib.crc32(line)))

    def _append(self, data: bytes | memoryview) -> None:
        self._position += len(data)
        self._pending += data
        self._flush()

    def _flush(self, *, everything: bool = False) -> None:
        whole = len(self._pending) if everything else len(self._pending) // BLOCK * BLOCK
        if not whole:
            return
        data = bytes(self._pending[:whole])
        del self._pending[:whole]
        self._checksums += [
            zlib.crc32(data[start : start + BLOCK]) for start in range(0, whole, BLOCK)
        ]
        self._file.write(data)


@contextmanager
def replacing(path: Path, header: Header) -> Iterator[Writer]:
    """Write a cache anew: what is at `path` is replaced in one step when the block ends well."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = Writer(file)
            yield writer
            writer.finish(header)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
