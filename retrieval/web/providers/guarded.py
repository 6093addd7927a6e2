"""An `Api` over the fetcher: search goes through the guard that pages go through.

The thing to know: an address that stands in the settings was chosen by a person, so a SearXNG in
their own network is asked. All others have to be public, whatever a name server says of them, and
what is in the network of this machine learns no query and no key.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from retrieval.web.errors import (
    Dropped,
    Forbidden,
    HttpError,
    Refused,
    Stopped,
    TimedOut,
    Unreachable,
)
from retrieval.web.fetch import Fetcher
from retrieval.web.freshness import retry_after
from retrieval.web.http import Request, through_tape
from retrieval.web.pages import ProblemCode, Unfetchable
from retrieval.web.providers.api import Answer
from retrieval.web.providers.protocol import ShouldStop
from retrieval.web.urls import BadUrl, parse

_ERRORS: dict[ProblemCode, type[HttpError]] = {
    "forbidden": Forbidden,
    "stopped": Stopped,
    "timeout": TimedOut,
    "too_large": Dropped,
    "too_slow": Dropped,
    "protocol": Dropped,
}


class GuardedApi:
    """Asks through `fetcher`; redirects are not followed.

    Args:
        trusted: addresses out of the settings; their origins are asked whatever their address.
    """

    def __init__(self, fetcher: Fetcher, trusted: Iterable[str] = ()) -> None:
        self._fetcher = fetcher
        self._trusted = frozenset(_origin(address) for address in trusted if address)

    def ask(self, request: Request, *, deadline: float, should_stop: ShouldStop) -> Answer:
        """See `Api`."""

        def live() -> Iterator[str]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut("no time was left")
            yield from self._live(request, left, should_stop).split("\n")

        try:
            return Answer(200, "\n".join(through_tape(request, live)))
        except Refused as refused:
            return Answer(refused.status, refused.body, refused.retry_after)

    def _live(self, request: Request, seconds: float, should_stop: ShouldStop) -> str:
        """Return the body of an answer that says yes. Raises HttpError."""
        origin, began = _origin(request.url), time.monotonic()
        try:
            said = self._fetcher.ask(
                request,
                trusted=origin if origin in self._trusted else "",
                deadline=seconds,
                should_stop=should_stop,
            )
        except Unfetchable as error:
            problem = error.problem
            if problem.code == "timeout" and time.monotonic() - began >= seconds:
                raise TimedOut("it took too long") from None
            if problem.code == "rate_limited":
                raise Refused(429, problem.message, problem.retry_after) from None
            raise _ERRORS.get(problem.code, Unreachable)(problem.message) from None
        if said.status != 200:
            raise Refused(said.status, said.body, retry_after(said.headers, time.time()))
        return said.body


def _origin(address: str) -> str:
    try:
        return parse(address).origin
    except BadUrl:
        return ""
