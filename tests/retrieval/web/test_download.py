"""Large files: whole, or taken up where they broke off, and only from where pages may come from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.web.fetch import Fetcher
from retrieval.web.pages import Unfetchable
from tests.retrieval.web.internet import Connection, Server, moves, says

Web = Callable[..., Server]
DATA = bytes(range(256)) * 2000
URL = "http://files.example/dump.bz2"


class Breaking:
    """Serves a file, and hangs up after so many bytes of each answer."""

    def __init__(self, *cuts: int | None, etag: str = '"v1"', data: bytes = DATA) -> None:
        self._cuts, self.etag, self.data = list(cuts), etag, data
        self.ranges: list[str | None] = []

    def __call__(self, connection: Connection) -> None:
        asked = connection.headers.get("range")
        self.ranges.append(asked)
        whole = not asked or connection.headers.get("if-range") != self.etag
        start = 0 if whole else int(re.findall(r"\d+", asked or "")[0])
        rest = self.data[start:]
        cut = self._cuts.pop(0) if self._cuts else None
        head = f"HTTP/1.1 {200 if whole else 206} Said\r\nETag: {self.etag}\r\n"
        head += f"Content-Length: {len(rest)}\r\nConnection: close\r\n"
        if not whole:
            head += f"Content-Range: bytes {start}-{len(self.data) - 1}/{len(self.data)}\r\n"
        connection.send(head.encode() + b"\r\n" + rest[:cut])


def get(fetcher: Fetcher, path: Path, url: str = URL, most: int = 10**6) -> None:
    fetcher.download(url, path, most=most, deadline=30)


def test_a_download_survives_a_connection_that_breaks(
    fetcher: Fetcher, web: Web, tmp_path: Path
) -> None:
    """The rest is asked for, of the same version; progress only ever grows."""
    file = Breaking(100_000, 1, None)
    web({"/dump.bz2": file})
    seen: list[tuple[int, int]] = []
    path = tmp_path / "new" / "dump.bz2"
    fetcher.download(URL, path, most=10**6, deadline=30, on_progress=lambda *now: seen.append(now))
    assert path.read_bytes() == DATA
    assert file.ranges == [None, "bytes=100000-", "bytes=100001-"]
    assert seen == sorted(seen)
    assert seen[-1] == (len(DATA), len(DATA))
    assert [each.name for each in path.parent.iterdir()] == ["dump.bz2"]


def test_a_download_is_taken_up_by_another_process(
    fetcher: Fetcher, web: Web, tmp_path: Path
) -> None:
    """What lies there as a part is not fetched again."""
    path = tmp_path / "dump.bz2"
    server = web({"/dump.bz2": Breaking(100_000, *[0] * 9)})
    with pytest.raises(Unfetchable):
        get(fetcher, path)
    assert not path.exists()
    assert (tmp_path / "dump.bz2.part").stat().st_size == 100_000
    file = Breaking(None)
    server.pages["/dump.bz2"] = file
    get(fetcher, path)
    assert path.read_bytes() == DATA
    assert file.ranges == ["bytes=100000-"]


def test_a_file_that_changed_meanwhile_is_begun_anew(
    fetcher: Fetcher, web: Web, tmp_path: Path
) -> None:
    """Two versions are never mixed."""
    path = tmp_path / "dump.bz2"
    server = web({"/dump.bz2": Breaking(100_000, *[0] * 9)})
    with pytest.raises(Unfetchable):
        get(fetcher, path)
    other = DATA[::-1]
    server.pages["/dump.bz2"] = Breaking(None, etag='"v2"', data=other)
    get(fetcher, path)
    assert path.read_bytes() == other


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (moves("http://127.0.0.1/x"), "forbidden"),
        (moves("http://169.254.169.254/x"), "forbidden"),
        (moves("file:///etc/passwd"), "redirects"),
        (says(DATA, "application/x-bzip2", Content_Encoding="gzip"), "protocol"),
        (says(b"x" * 2_000_000, "application/x-bzip2"), "too_large"),
        (says("no", status=404), "status"),
    ],
    ids=["inside", "metadata", "a file", "packed", "too large", "missing"],
)
def test_a_download_is_guarded_as_pages_are(
    fetcher: Fetcher, web: Web, tmp_path: Path, answer: Callable[[Connection], None], code: str
) -> None:
    web({"/dump.bz2": answer})
    with pytest.raises(Unfetchable) as caught:
        get(fetcher, tmp_path / "dump.bz2")
    assert caught.value.problem.code == code
    assert not (tmp_path / "dump.bz2").exists()


def test_a_body_without_an_end_stops_at_the_limit(
    fetcher: Fetcher, web: Web, tmp_path: Path
) -> None:
    """Also where the server does not say how large it is."""

    def endless(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            connection.send(b"x" * 65536)

    web({"/dump.bz2": endless})
    with pytest.raises(Unfetchable) as caught:
        get(fetcher, tmp_path / "dump.bz2", most=300_000)
    assert caught.value.problem.code == "too_large"
    assert (tmp_path / "dump.bz2.part").stat().st_size <= 300_000


def test_a_place_that_cannot_be_written_is_an_error_of_the_system(
    fetcher: Fetcher, web: Web, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    web({"/dump.bz2": Breaking(None)})
    with pytest.raises(OSError, match="taken"):
        get(fetcher, tmp_path / "taken" / "dump.bz2")
