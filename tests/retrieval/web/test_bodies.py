"""Hostile answers: bombs, drips, floods and lies. Each is contained in time and in memory."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.web.body import read_body
from retrieval.web.fetch import Fetcher
from retrieval.web.pages import Unfetchable
from tests.retrieval.web.internet import Connection, Server, says
from tests.retrieval.web.test_egress import ARTICLE, problem

Web = Callable[..., Server]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
MIB = 1 << 20


def bare(data: bytes) -> bytes:
    """Return a deflate stream without zlib's header, as some servers send it."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


async def pieces(data: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 1)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzipped,
    "x-gzip": gzipped,
    "deflate": lambda data: zlib.compress(data, 1),
    "Deflate ": bare,
    "identity": lambda data: data,
    "": lambda data: data,
    "GZIP, identity": gzipped,
}


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("size", [1, 2, 7, 4096])
async def test_each_packing_is_unpacked(encoding: str, size: int) -> None:
    """However it is cut into pieces."""
    data = b"Cheese is made of milk. " * 400
    packed = PACKERS[encoding](data)
    assert await read_body(pieces(packed, size), encoding, MIB) == data


@given(st.binary(max_size=5000), st.integers(1, 400), st.sampled_from(sorted(PACKERS)))
async def test_any_bytes_survive_packing(data: bytes, size: int, encoding: str) -> None:
    assert await read_body(pieces(PACKERS[encoding](data), size), encoding, MIB) == data


async def test_several_members_of_gzip_are_one_body() -> None:
    """What follows the last one is left, as browsers leave it."""
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + b"trailing rubbish"
    assert await read_body(pieces(packed, 5), "gzip", MIB) == b"one two"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "Deflate "])
async def test_a_bomb_is_stopped_at_the_limit(encoding: str) -> None:
    """100 MB of zeros in less than 500 kB: no more than the limit and a block is unpacked."""
    packed = PACKERS[encoding](bytes(100 * MIB))
    assert len(packed) < MIB / 2
    tracemalloc.start()
    try:
        with pytest.raises(Unfetchable) as caught:
            await read_body(pieces(packed, 64 << 10), encoding, 2 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.problem.code == "too_large"
    assert peak < 8 * MIB


@pytest.mark.parametrize(
    "encoding",
    ["gzip, gzip", "br", "zstd", "compress", "gzip, deflate", "exi", "gzip;q=1", "x" * 99],
)
async def test_a_packing_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(Unfetchable) as caught:
        await read_body(pieces(b"x"), encoding, MIB)
    assert caught.value.problem.code == "protocol"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_damaged_packing_is_said(encoding: str) -> None:
    with pytest.raises(Unfetchable, match="packed badly"):
        await read_body(pieces(b"\x78\x9cnothing of the kind" * 10), encoding, MIB)


async def test_a_thousand_members_are_too_many() -> None:
    with pytest.raises(Unfetchable, match="too many parts"):
        await read_body(pieces(gzip.compress(b"") * 2000), "gzip", MIB)


async def test_a_trickle_is_given_up() -> None:
    """Below a kilobyte a second, after a few seconds of patience; by a clock of the test's own."""
    now = iter(range(0, 1000, 2))
    with pytest.raises(Unfetchable) as caught:
        await read_body(pieces(b"x" * 100, 1), "", MIB, clock=lambda: float(next(now)))
    assert caught.value.problem.code == "too_slow"


def chunks(connection: Connection, blocks: Iterator[bytes]) -> None:
    """Send a body without an end in sight."""
    connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for block in blocks:
        connection.send(b"%x\r\n%s\r\n" % (len(block), block))


def endless(connection: Connection) -> None:
    chunks(connection, iter(lambda: b"<p>more" * 1000, None))


def endless_headers(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.send(b"X-More: and more\r\n" * 100)


def endless_line(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.send(b"x" * 4096)


def endless_hints(connection: Connection) -> None:
    while True:
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
        time.sleep(0.001)


def dripping(connection: Connection) -> None:
    connection.send(HEAD + b"\r\n")
    while True:
        connection.send(b"x")
        time.sleep(0.05)


def dripping_headers(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.send(b"x")
        time.sleep(0.05)


def silent(connection: Connection) -> None:
    connection.sock.recv(1)  # until the other side has had enough


def hanging_up(connection: Connection) -> None:
    connection.send(HEAD + b"Content-Length: 1000\r\n\r\nonly this")


def no_http(connection: Connection) -> None:
    connection.send(b"SSH-2.0-OpenSSH_9.6\r\n" * 5)


def two_lengths(connection: Connection) -> None:
    connection.send(HEAD + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello")


def huge_chunk(connection: Connection) -> None:
    connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nx")


BAD_ANSWERS = {
    endless: "too_large",
    endless_headers: "protocol",
    endless_line: "protocol",
    hanging_up: "protocol",
    no_http: "protocol",
    two_lengths: "protocol",
    huge_chunk: "protocol",
    says("x", Content_Encoding="gzip, gzip"): "protocol",
    says(gzip.compress(bytes(50 * MIB), 1), Content_Encoding="gzip"): "too_large",
    says("x" * (3 * MIB)): "too_large",
    says("hello", kind=""): "type",
    says("hello", kind="image/png"): "type",
    says("hello", kind="application/octet-stream"): "type",
    says("hello", kind="text/html\x7f; x"): "type",
    says("hello", kind="application/pdf"): "mislabelled",
    says(b"%PDF-1.7 ..."): "mislabelled",
    says(b"\x7fELF\x02\x01\x01", kind="text/plain"): "mislabelled",
    says(b"MZ\x90\x00\x03"): "mislabelled",
    says(b"PK\x03\x04\x14"): "mislabelled",
    says(b"\x89PNG\r\n\x1a\n", kind="text/plain"): "mislabelled",
    says(b"GIF89a<html>"): "mislabelled",
    says(b"some text\x00and more", kind="text/plain"): "mislabelled",
    says(b"%PDF-1.7\n broken", kind="application/pdf"): "unreadable",
    says(""): "empty",
    says("<html><body><script>x()</script></body></html>"): "empty",
    says("gone", status=410): "status",
    says("no", status=403): "status",
    says("broken", status=500): "status",
    says("no content", status=204): "status",
    says("what?", status=999): "status",
}


@pytest.mark.parametrize(("answer", "code"), list(BAD_ANSWERS.items()), ids=range(len(BAD_ANSWERS)))
def test_a_bad_answer_becomes_a_problem_that_can_be_read(
    fetcher: Fetcher, web: Web, answer: Callable[[Connection], None], code: str
) -> None:
    """Within the time that a fetch may take, and without a try that goes on for ever."""
    web({"/": answer})
    begun = time.monotonic()
    assert problem(fetcher.fetch("http://answers.example/", deadline=15)) == code
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("answer", [dripping, dripping_headers, silent, endless_hints])
def test_the_deadline_holds_over_everything(
    fetcher: Fetcher, web: Web, answer: Callable[[Connection], None]
) -> None:
    """A server that always sends a little more cannot make a fetch last."""
    web({"/": answer})
    begun = time.monotonic()
    assert problem(fetcher.fetch("http://slow.example/", deadline=0.7)) == "timeout"
    assert time.monotonic() - begun < 10


def test_a_person_can_stop_at_any_moment(fetcher: Fetcher, web: Web) -> None:
    """The one who waits is free again at once, and the next page is read as ever."""
    server = web({"/": silent, "/page": says(ARTICLE)})

    def asked() -> bool:
        return "/" in server.paths

    assert (
        problem(fetcher.fetch("http://stop.example/", deadline=30, should_stop=asked)) == "stopped"
    )
    assert fetcher.fetch("http://stop.example/page", deadline=30).page is not None
