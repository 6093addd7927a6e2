"""Who is let in, how much, how often; and clients that hang, drip, or vanish harm nobody."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chatapp.server.errors import ApiError
from chatapp.server.guard import Pace
from tests.server.conftest import ENDS, FIXTURE, KEY, ROOT, Running, chat, send, serving
from tests.server.test_other_endpoints import metrics

LONG = chat(max_tokens=450, logit_bias=ENDS)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a key, little patience and low limits."""
    home = tmp_path_factory.mktemp("strict")
    limits = {
        "CHATAPP_SERVER_API_KEY": KEY,
        "CHATAPP_SERVER_REQUESTS_PER_MINUTE": "0",
        "CHATAPP_SERVER_MAX_BODY_MB": "0.01",
        "CHATAPP_SERVER_PATIENCE_SECONDS": "0.5",
    }
    with serving(home, "--slots", "1", "--queue", "2", **limits) as running:
        yield running


def call(server: Running, body: object = None, path: str = "/v1/chat/completions") -> int:
    """Return the status of a request with the key."""
    return send(server.url, path, body, authorization=f"Bearer {KEY}").status


def test_a_key_is_needed_for_all_but_health(strict: Running) -> None:
    assert send(strict.url, "/health").status == 200
    for path in ("/v1/models", "/metrics"):
        assert send(strict.url, path).status == 401
        assert send(strict.url, path, authorization="Bearer wrong").status == 401
    assert send(strict.url, "/v1/models", authorization=f"Bearer {KEY}").status == 200
    refused = send(strict.url, "/v1/chat/completions", chat())
    assert refused.body["error"]["code"] == "invalid_api_key"
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_web_page_gets_nowhere(strict: Running) -> None:
    """A name that points here is not the server's; forms and other sites' scripts are refused."""
    key = f"Bearer {KEY}"
    for host in ("evil.example", "evil.example:80", "", "[bad"):
        assert send(strict.url, "/health", host=host).status in (400, 403)
    for host in ("localhost", "127.0.0.1:9", "[::1]:8080"):
        assert send(strict.url, "/health", host=host).status == 200
    form = {"content_type": "text/plain", "authorization": key}
    assert send(strict.url, "/v1/chat/completions", chat(), **form).status == 415
    page = send(strict.url, "/v1/models", origin="https://evil.example", authorization=key)
    assert not [name for name in page.headers if name.lower().startswith("access-control")]


def test_a_request_that_is_too_long_is_refused_announced_or_not(strict: Running) -> None:
    big = chat("word " * 4000)
    assert call(strict, big) == 413
    raw = json.dumps(big).encode()

    def pieces() -> Iterator[bytes]:
        yield from (raw[start : start + 1000] for start in range(0, len(raw), 1000))

    with connected(strict) as connection:
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        connection.request("POST", "/v1/chat/completions", pieces(), headers, encode_chunked=True)
        assert connection.getresponse().status == 413


@contextmanager
def connected(server: Running) -> Iterator[http.client.HTTPConnection]:
    """Open a connection that can be misused."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


def start_stream(connection: http.client.HTTPConnection, body: dict[str, object]) -> None:
    """Ask for a stream, and read nothing."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body | {"stream": True}), headers)


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def load(server: Running) -> tuple[int, int]:
    health = send(server.url, "/health").body
    return health["running"], health["waiting"]


def test_a_client_that_vanishes_frees_its_place(strict: Running) -> None:
    """In the middle of an answer, and while it waits for its turn."""
    with connected(strict) as first, connected(strict) as second:
        start_stream(first, LONG)
        first.getresponse().read(200)
        start_stream(second, LONG)
    until(lambda: load(strict) == (0, 0))
    assert call(strict, chat()) == 200


def test_a_client_that_leaves_before_its_request_is_whole_is_no_failure(strict: Running) -> None:
    """It is counted as gone, not as an error of the server."""

    def ended(status: int) -> float:
        counted = metrics(strict, authorization=f"Bearer {KEY}")
        name = f'chatapp_requests_total{{path="/v1/chat/completions",status="{status}"}}'
        return counted.get(name, 0.0)

    before, where = ended(499), urlsplit(strict.url)
    with socket.create_connection((where.hostname, where.port)) as connection:  # type: ignore[arg-type]
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
            b"Content-Type: application/json\r\n"
            + f"Authorization: Bearer {KEY}\r\n\r\n{{".encode()
        )
    until(lambda: ended(499) > before)
    assert ended(500) == 0


def test_a_full_queue_says_when_to_come_back(strict: Running) -> None:
    """One answer is made, two wait, and the others are told; nobody gets another error."""
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda n: send(
                    strict.url,
                    "/v1/chat/completions",
                    LONG | {"seed": n},
                    authorization=f"Bearer {KEY}",
                ),
                range(12),
            )
        )
    assert {answer.status for answer in answers} == {200, 429}
    [refused, *_] = [answer for answer in answers if answer.status == 429]
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.body["error"]["type"] == "rate_limit_error"


def test_a_request_for_more_answers_than_can_wait_is_wrong_not_early(strict: Running) -> None:
    assert call(strict, chat(n=4)) == 400


def test_a_client_that_takes_nothing_is_cut(strict: Running) -> None:
    """It asks for megabytes and does not read: its connection is reset, others are served."""
    address = urlsplit(strict.url)
    body = json.dumps({"model": "chatapp-embeddings", "input": ["a"] * 2000}).encode()
    head = f"POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect((address.hostname, address.port))
        greedy.sendall(head.encode() + body)
        until(lambda: greedy.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0)
    assert call(strict, chat()) == 200


def test_half_a_request_is_cut(strict: Running) -> None:
    """A connection that stalls is closed; meanwhile others are served."""
    address = urlsplit(strict.url)
    place = (address.hostname, address.port)
    with socket.create_connection(place) as silent, socket.create_connection(place) as half:
        half.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-le")
        assert call(strict, chat()) == 200
        silent.settimeout(20)
        half.settimeout(20)
        for stalled in (silent, half):
            with pytest.raises(ConnectionResetError):
                stalled.recv(1)


def test_requests_of_one_client_are_counted() -> None:
    """Three a minute, then a wait that the error names; another client is not affected."""
    now = [0.0]
    pace = Pace(3, lambda: now[0])
    for _ in range(3):
        pace.check("a")
    with pytest.raises(ApiError) as told:
        pace.check("a")
    assert (told.value.status, told.value.headers) == (429, {"Retry-After": "20"})
    pace.check("b")
    now[0] = 20.0
    pace.check("a")
    with pytest.raises(ApiError):
        pace.check("a")


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (["--host", "0.0.0.0"], {}, "there is no key"),
        (["--host", "0.0.0.0"], {"CHATAPP_SERVER_API_KEY": "short"}, "fewer than 16"),
        (["--host", "256.0.0.1"], {"CHATAPP_SERVER_API_KEY": KEY}, "cannot listen"),
    ],
)
def test_a_server_that_would_be_unsafe_does_not_start(
    tmp_path: Path, options: list[str], environment: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chatapp", "serve", "--model", str(FIXTURE), *options],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "CHATAPP_HOME": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "fix:" in done.stderr
    assert KEY not in done.stderr


def test_metrics_count_every_end(strict: Running) -> None:
    """What vanished is counted as interrupted, and nothing is left running."""
    counted = metrics(strict, authorization=f"Bearer {KEY}")
    assert counted['chatapp_replies_total{how="interrupted"}'] >= 1
    assert counted["chatapp_replies_running"] == counted["chatapp_replies_waiting"] == 0
