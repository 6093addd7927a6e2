"""How a request over HTTP can fail.

    HttpError
    ├── Unreachable      no connection: refused, no such name
    │   └── Untrusted    the certificate does not prove that this is the server it says it is
    ├── TimedOut         connected, and then silence
    ├── Dropped          the connection broke, or what came was no HTTP
    ├── Stopped          `should_stop` said so
    ├── Forbidden        the guard does not let anything go there
    └── Refused          an answer whose status says no: `.status`, `.body`, `.retry_after`

No error holds a header: headers carry keys.
"""

from __future__ import annotations


class HttpError(Exception):
    """A request that did not work out; see the module."""


class Unreachable(HttpError):
    """There is no connection to be had."""


class Untrusted(Unreachable):
    """The server cannot prove who it is. There is no second try without the check."""


class TimedOut(HttpError):
    """Nothing came for too long."""


class Dropped(HttpError):
    """The connection broke, or what came was no HTTP."""


class Stopped(HttpError):
    """Nobody wants the answer any more."""


class Forbidden(HttpError):
    """The guard does not let anything go there; nothing was sent."""


class Refused(HttpError):
    """The server answered, and said no."""

    def __init__(self, status: int, body: str, retry_after: float | None) -> None:
        super().__init__(f"status {status}")
        self.status, self.body, self.retry_after = status, body, retry_after
