"""A small internet on loopback: servers that say just what a test wants, at public addresses.

The thing to know: the code under test resolves names, judges addresses and "connects" to public
ones on ports 80 and 443, as it always does. One step below, at the very last call before the
operating system, the connection is noted and led to a server in this process.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpcore

PUBLIC = "93.184.216.34"

Say = Callable[["Connection"], None]


class Connection:
    """One request, as it arrived, and the socket to answer on."""

    def __init__(self, sock: socket.socket, head: str) -> None:
        self.sock = sock
        self.line, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.path = self.line.split(" ")[1] if " " in self.line else ""

    def send(self, data: bytes) -> None:
        """Send bytes; raises OSError when the other side has gone."""
        self.sock.sendall(data)


def says(
    body: bytes | str = b"",
    kind: str = "text/html; charset=utf-8",
    status: int = 200,
    **headers: str,
) -> Say:
    """Return an answer with this body; `_` in the name of a header stands for `-`."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(data)}", "Connection: close"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines) + "\r\n\r\n"
    return lambda connection: connection.send(head.encode("latin-1") + data)


def moves(location: str, status: int = 302) -> Say:
    """Return a redirect."""
    return says(status=status, Location=location)


class Server:
    """Answers each path as it was told; 404 otherwise. `tls` makes it speak https."""

    def __init__(self, pages: dict[str, Say], tls: ssl.SSLContext | None = None) -> None:
        self.pages, self._tls = pages, tls
        self.seen: list[Connection] = []
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [each.path for each in self.seen]

    def close(self) -> None:
        """Stop listening."""
        self._closing = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            pass
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._closing:
                sock.close()
                return
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        with suppress(OSError, ConnectionError), sock:
            sock.settimeout(20)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with sock:
                connection = Connection(sock, _head(sock))
                self.seen.append(connection)
                path = connection.path
                say = self.pages.get(path) or self.pages.get(path.partition("?")[0])
                (say or says("no such page", status=404))(connection)


def _head(sock: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(4096)
        if not piece:
            break
        data += piece
    return data.partition(b"\r\n\r\n")[0].decode("latin-1")


class Names:
    """A resolver that knows a few names; each look-up of one takes its next answer."""

    def __init__(self) -> None:
        self.known: dict[str, list[str | tuple[str, ...]]] = {}
        self.asked: list[str] = []

    async def resolve(self, host: str) -> tuple[str, ...]:
        """See `retrieval.web.dns.Resolver`."""
        self.asked.append(host)
        answers = self.known.get(host)
        if answers is None:
            return (host,) if host.replace(".", "").isdigit() or ":" in host else (PUBLIC,)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return (answer,) if isinstance(answer, str) else tuple(answer)


class Switchboard:
    """Notes every connection, and leads it to a server by its address or its port."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []
        self.lines: dict[str | int, int] = {}  # address or port -> a port on loopback

    async def connect_tcp(self, host: str, port: int, *args: Any) -> Any:
        """Stand in for `httpcore.AnyIOBackend.connect_tcp`."""
        self.dialled.append((host, port))
        there = self.lines.get(host) or self.lines.get(port)
        if there is None:
            raise httpcore.ConnectError(f"nobody listens at {host}:{port}")
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", there)


@contextmanager
def serving(pages: dict[str, Say], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server for a while."""
    server = Server(pages, tls)
    try:
        yield server
    finally:
        server.close()
