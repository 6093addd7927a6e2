"""Encyclopaedias by name: what the publisher says of the newest dump, and fetching it.

The thing to know: date, size and checksum are read from the publisher's own lists each time, and a
file takes its place only when its SHA-1 is the stated one. A part that does not fit is thrown away.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import RetrievalError
from retrieval.web.fetch import Fetcher
from retrieval.web.pages import Unfetchable

PUBLISHER = "https://dumps.wikimedia.org"
LICENCE = "CC BY-SA 4.0 and GFDL (https://dumps.wikimedia.org/legal.html)"

_NAME = re.compile(r"simplewiki|[a-z]{2,3}wiki")
_LIST_BYTES = 8 << 20
_LIST_SECONDS = 60.0
_DUMP_BYTES = 200 << 30
_WEEK = 7 * 24 * 3600.0  # the longest that a download may take, sleeping laptops included

ShouldStop = Callable[[], bool]
OnProgress = Callable[[int, int], None]


class DumpUnavailable(RetrievalError):
    """The dump is not to be had, or not what its publisher states."""


@dataclass(frozen=True)
class Dump:
    """The newest dump of a wiki; `bytes` is 0 where the publisher does not say."""

    name: str
    date: str
    bytes: int
    url: str
    sha1: str


def is_name(name: str) -> bool:
    """Whether `name` could be that of an encyclopaedia: `simplewiki`, `dewiki`."""
    return bool(_NAME.fullmatch(name))


def newest(fetcher: Fetcher, name: str, should_stop: ShouldStop, base: str = PUBLISHER) -> Dump:
    """Ask the publisher, or a mirror of the same layout, for the newest dump of a wiki.

    Raises:
        DumpUnavailable: out of reach, or there is none of that name.
    """
    root = f"{base.rstrip('/')}/{name}"
    sums = _read(fetcher, f"{root}/latest/{name}-latest-sha1sums.txt", should_stop)
    found = re.search(
        rf"^([0-9a-f]{{40}})\s+({name}-(\d{{8}})-pages-articles-multistream\.xml\.bz2)$",
        sums,
        re.MULTILINE,
    )
    if not found:
        raise DumpUnavailable(
            f"the list of checksums of {name} names no dump of its articles",
            "try again tomorrow: a new dump may be in the making",
        )
    sha1, file, day = found.groups()
    size = _size(_read(fetcher, f"{root}/{day}/dumpstatus.json", should_stop), file)
    return Dump(name, f"{day[:4]}-{day[4:6]}-{day[6:]}", size, f"{root}/{day}/{file}", sha1)


def fetch(
    fetcher: Fetcher, dump: Dump, path: Path, on_progress: OnProgress, should_stop: ShouldStop
) -> None:
    """Fetch a dump to `path`, going on with what an earlier call left.

    Raises:
        DumpUnavailable: not to be had, or not what its publisher states.
        OSError: the disk refuses.
    """
    arrived = path.with_name(f"{path.name}.unchecked")
    try:
        fetcher.download(
            dump.url,
            arrived,
            most=_DUMP_BYTES,
            deadline=_WEEK,
            should_stop=should_stop,
            on_progress=on_progress,
        )
    except Unfetchable as error:
        raise _unavailable(dump.url, error) from None
    with arrived.open("rb") as file:
        found = hashlib.file_digest(file, "sha1").hexdigest()
    if found != dump.sha1:
        arrived.unlink()
        raise DumpUnavailable(
            f"what came from {dump.url} is not what its publisher states:"
            f" SHA-1 {found} instead of {dump.sha1}; it was thrown away",
            "give the same command again",
        )
    arrived.replace(path)


def _read(fetcher: Fetcher, url: str, should_stop: ShouldStop) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        try:
            fetcher.download(
                url, path, most=_LIST_BYTES, deadline=_LIST_SECONDS, should_stop=should_stop
            )
        except Unfetchable as error:
            raise _unavailable(url, error) from None
        return path.read_text("utf-8", "replace")


def _unavailable(url: str, error: Unfetchable) -> DumpUnavailable:
    return DumpUnavailable(
        f"{url}: {error.problem.message}",
        "give the same command again, or fetch the file yourself and use --from PATH",
    )


def _size(status: str, file: str) -> int:
    """Return the size that `dumpstatus.json` states of a file, 0 if it does not."""
    try:
        return int(json.loads(status)["jobs"]["articlesmultistreamdump"]["files"][file]["size"])
    except (ValueError, KeyError, TypeError):
        return 0
