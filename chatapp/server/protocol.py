"""HTTP/1.1 with patience that ends: uvicorn's protocol, and two clocks that it lacks.

uvicorn waits for ever for the rest of a request, and for a client that takes nothing of what is
sent. Here such a connection is cut, and whatever worked for it is cancelled.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """uvicorn's protocol with time limits; `patience` is in seconds, set it on a subclass."""

    patience: ClassVar[float] = 30.0
    _reading: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._reading = self._cut_later()

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request; the clock runs until it is whole."""
        if self._reading is None:
            self._reading = self._cut_later()
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._reading = _stop(self._reading)

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        super().pause_writing()
        self._writing = self._cut_later()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._writing = _stop(self._writing)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both clocks."""
        self._reading = _stop(self._reading)
        self._writing = _stop(self._writing)
        super().connection_lost(exc)

    def _cut_later(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self.patience, self._cut)

    def _cut(self) -> None:
        """Reset the connection, so that the system too forgets what was not taken."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def _stop(clock: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Stop a clock that may run, and return what takes its place: none."""
    if clock is not None:
        clock.cancel()
    return None
