"""Large files of public servers, onto disk: guarded like pages, and taken up where they broke off.

The thing to know: a file grows as `NAME.part`, beside a note of which version it is; the rest is
asked for only of the same version, and `NAME` appears when it is whole. Whether it is the *right*
file is for the caller's checksum to say.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval.web.errors import Dropped, TimedOut
from retrieval.web.guard import Guard
from retrieval.web.pages import Unfetchable
from retrieval.web.urls import WebUrl
from retrieval.web.visit import MOST_HOPS, MOVED, next_hop, too_many_hops
from retrieval.web.wire import Answer, Wire

_TRIES = 5  # without a byte of progress
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_SLOWEST = 1024  # bytes a second, over the last minute
_MINUTE = 60.0

OnProgress = Callable[[int, int], None]
"""Told bytes so far, and in all (0: the server does not say)."""


@dataclass(frozen=True)
class Target:
    """Where a download goes, and how large it may become, in bytes."""

    path: Path
    most: int

    @property
    def part(self) -> Path:
        """The file while it grows."""
        return self.path.with_name(self.path.name + ".part")

    @property
    def note(self) -> Path:
        """What says of which version the part is."""
        return self.path.with_name(self.path.name + ".part.json")


async def download(
    url: WebUrl, target: Target, guard: Guard, wire: Wire, agent: str, on_progress: OnProgress
) -> None:
    """Write the file at `url` to `target.path`.

    Raises:
        HttpError, Unfetchable: it is not to be had; what came stays for the next try.
        OSError: it cannot be written.
    """
    failures = 0
    while True:
        before = _size(target.part)
        try:
            await _go_on(url, target, guard, wire, agent, on_progress)
        except (Dropped, TimedOut):
            failures = 1 if _size(target.part) > before else failures + 1
            if failures >= _TRIES:
                raise
            continue
        target.part.replace(target.path)
        target.note.unlink(missing_ok=True)
        return


async def _go_on(
    url: WebUrl, target: Target, guard: Guard, wire: Wire, agent: str, on_progress: OnProgress
) -> None:
    have, version = _size(target.part), _version(target, url)
    headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
    if have and version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    there = url
    for _ in range(MOST_HOPS + 1):
        guard.check_url(there)
        async with wire.ask(there, headers) as answer:
            if answer.status not in MOVED:
                if answer.status == 416:  # what is here is not part of what is there
                    target.part.unlink(missing_ok=True)
                    raise Dropped("the file has changed on the server")
                await _take(answer, url, target, have, on_progress)
                return
            there = next_hop(there, answer.headers.get("location", ""))
    raise too_many_hops()


async def _take(
    answer: Answer, url: WebUrl, target: Target, have: int, on_progress: OnProgress
) -> None:
    """Append to the part, or begin it anew, as the server answers."""
    if answer.status not in (200, 206):
        raise Unfetchable("status", f"the server says no (status {answer.status})")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Unfetchable("protocol", "the file is packed, unasked")
    start, total = _extent(answer, have)
    if total > target.most:
        raise Unfetchable("too_large", f"the file has {total / 1e6:.0f} MB, more than is expected")
    target.path.parent.mkdir(parents=True, exist_ok=True)
    version = answer.headers.get("etag", "") or answer.headers.get("last-modified", "")
    weak = version.startswith("W/")  # says "much the same", which is not enough for bytes
    target.note.write_text(json.dumps([str(url), "" if weak else version]), encoding="utf-8")
    size, since, then = start, time.monotonic(), start
    with target.part.open("r+b" if start else "wb") as file:
        file.seek(start)
        async for piece in answer.raw():
            size += len(piece)
            if size > target.most:
                raise Unfetchable("too_large", "the file is larger than is expected")
            file.write(piece)
            on_progress(size, total)
            if (now := time.monotonic()) - since > _MINUTE:
                if size - then < _SLOWEST * (now - since):
                    raise TimedOut("the server sends next to nothing")
                since, then = now, size
    if total and size != total:
        raise Dropped(f"{size} of {total} bytes came")


def _extent(answer: Answer, have: int) -> tuple[int, int]:
    """Return where the answer's bytes begin in the file, and the file's size (0: not said)."""
    if answer.status == 200:
        said = answer.headers.get("content-length", "")
        return 0, int(said[:18]) if said.isascii() and said.isdigit() else 0
    found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    if found is None or int(found[1]) != have:
        raise Unfetchable("protocol", "the server sends another part of the file than was asked")
    return have, int(found[2])


def _version(target: Target, url: WebUrl) -> str:
    try:
        noted, version = json.loads(target.note.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return ""
    return str(version) if noted == str(url) else ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
