"""Running the server: it says where it listens, and ends in order when it is asked to.

The first SIGTERM or SIGINT takes no new requests and gives those under way some seconds; what is
left then is cut, and its client told so. A second signal cuts at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from chatapp.server.app import build_app
from chatapp.server.config import ServerConfig, ServerRefused
from chatapp.server.protocol import PatientProtocol
from chatapp.server.service import Service

_LAST_BYTES_SECONDS = 2  # for what is cut to reach its clients


class _Server(uvicorn.Server):
    """uvicorn's server, with our way of ending."""

    def __init__(
        self, config: uvicorn.Config, service: Service, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self.signalled = 0
        self._service, self._on_ready = service, on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say that it listens, once it does and signals are heard."""
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals, and do not raise them again: the exit code tells."""
        old = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at the second signal, cut what runs."""
        if self.signalled:
            self._service.cut()
        self.signalled = self.signalled or sig
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish or cut what runs, while the connections still stand, then close them."""
        ending = asyncio.to_thread(self._service.close)
        await asyncio.gather(ending, super().shutdown(sockets))


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listen(config: ServerConfig) -> socket.socket:
    """Return the socket to serve on.

    Raises:
        ServerRefused: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    taken = socket.socket(family)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((config.host, config.port))
        taken.listen(512)
    except OSError as error:
        taken.close()
        raise ServerRefused(
            f"cannot listen on {config.host} port {config.port}: {error.strerror or error}",
            hint="choose another --port, or end the program that uses it.",
        ) from error
    return taken


def serve(
    service: Service, listener: socket.socket, *, on_ready: Callable[[], None] = lambda: None
) -> int:
    """Serve until a signal comes; return it, or 0."""
    config = service.config
    protocol = type("Protocol", (PatientProtocol,), {"patience": config.patience_seconds})
    server = _Server(
        uvicorn.Config(
            build_app(service),
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=round(config.grace_seconds) + _LAST_BYTES_SECONDS,
        ),
        service,
        on_ready,
    )
    server.run(sockets=[listener])
    return server.signalled
