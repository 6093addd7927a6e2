"""`chatapp index install`: consent, a download that goes on, a checksum, and the articles."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.retrieval.test_dumps import page, write_dump

ROOT = Path(__file__).resolve().parents[2]
DAY = "20260901"
FILE = f"simplewiki-{DAY}-pages-articles-multistream.xml.bz2"


class Publisher(ThreadingHTTPServer):
    """Serves dumps the way their publisher does, `Range` included, from loopback."""

    def __init__(self, dump: bytes) -> None:
        self.dump = dump
        self.sha1 = hashlib.sha1(dump).hexdigest()
        self.breaks_after: int | None = None  # bytes of the dump, once
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def file(self, path: str) -> bytes | None:
        if path == "/simplewiki/latest/simplewiki-latest-sha1sums.txt":
            return f"{'0' * 40}  simplewiki-{DAY}-site_stats.sql.gz\n{self.sha1}  {FILE}\n".encode()
        if path == f"/simplewiki/{DAY}/dumpstatus.json":
            files = {FILE: {"size": len(self.dump)}}
            return json.dumps({"jobs": {"articlesmultistreamdump": {"files": files}}}).encode()
        return self.dump if path == f"/simplewiki/{DAY}/{FILE}" else None


class _Handler(BaseHTTPRequestHandler):
    server: Publisher
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append((self.path, wanted))
        body = self.server.file(self.path)
        begin = int(found[1]) if (found := re.match(r"bytes=(\d+)-", wanted)) else 0
        self.send_response(404 if body is None else 206 if begin else 200)
        rest = (body or b"")[begin:]
        if begin and body:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("ETag", '"one"')
        self.end_headers()
        if self.path.endswith("bz2") and self.server.breaks_after is not None:
            rest, self.server.breaks_after = rest[: self.server.breaks_after], None
            self.close_connection = True
        self.wfile.write(rest)

    def log_message(self, format: str, *arguments: object) -> None:
        return


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of a dump of fifty articles."""
    pages = [page(n, f"Town {n}", f"Town {n} lies at river{n}. " * 20) for n in range(50)]
    dump = write_dump(tmp_path / "w.xml.bz2", pages, a_stream=10).read_bytes()
    server = Publisher(dump)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def install(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chatapp", "index", "install", "simplewiki", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def documents() -> int:
    command = [sys.executable, "-m", "chatapp", "index", "status", "--output", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout)["collections"].get("simplewiki", 0))


def test_nothing_is_fetched_before_somebody_agrees(
    publisher: Publisher, chatapp_home: Path
) -> None:
    """Date, size, licence and room are shown; a script that does not say --yes is told how."""
    done = install("--mirror", publisher.url)
    assert done.returncode == 5
    for words in ("simplewiki of 2026-09-01", "download    0 MB", "CC BY-SA 4.0", "--yes", "free"):
        assert words in done.stderr
    assert not [path for path, _ in publisher.asked if path.endswith("bz2")]
    assert not (chatapp_home / "downloads").exists()


def test_a_download_that_breaks_off_goes_on_and_is_indexed(
    publisher: Publisher, chatapp_home: Path
) -> None:
    """The rest is asked for, the whole fits its checksum, the dump is gone when it is indexed."""
    publisher.breaks_after = 1000
    done = install("--mirror", publisher.url, "--yes", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 50
    ranges = [wanted for path, wanted in publisher.asked if path.endswith("bz2")]
    assert ranges == ["", "bytes=1000-"]
    assert documents() == 50
    assert not list((chatapp_home / "downloads").iterdir())


def test_what_does_not_fit_its_checksum_is_thrown_away(
    publisher: Publisher, chatapp_home: Path
) -> None:
    """Nothing of it is indexed, and the next try begins anew."""
    publisher.sha1 = "a" * 40
    done = install("--mirror", publisher.url, "--yes")
    assert done.returncode == 1
    assert "not what its publisher states" in done.stderr
    assert not list((chatapp_home / "downloads").iterdir())
    assert documents() == 0


def test_a_dump_that_is_there_already_needs_no_network(
    publisher: Publisher, tmp_path: Path
) -> None:
    """--from indexes a file under the same name; a newer one brings it up to date."""
    path = tmp_path / "w.xml.bz2"
    done = install("--from", str(path), "--output", "json")
    assert done.returncode == 0, done.stderr
    assert "CC BY-SA 4.0" in done.stderr
    write_dump(path, [page(n, f"Town {n}", f"Town {n} grew.") for n in range(40)], a_stream=5)
    report = json.loads(install("--from", str(path), "--output", "json").stdout)
    assert (report["updated"], report["removed"]) == (40, 10)
    assert not publisher.asked
    assert path.exists()


def test_names_and_mirrors_that_are_none_are_said(chatapp_home: Path) -> None:
    """A wrong name and an address where nobody answers have each their message, no traceback."""
    command = [sys.executable, "-m", "chatapp", "index", "install", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "no encyclopaedia" in done.stderr) == (3, True)
    done = install("--mirror", "http://127.0.0.1:9", "--yes")
    assert done.returncode == 1
    assert "--from PATH" in done.stderr
    assert "Traceback" not in done.stderr
