"""From an address to the bytes behind it: judged, asked, and read within limits.

The thing to know: a redirect is an address that a stranger chose. It is not followed here; whoever
follows it asks for it anew, and so has it judged anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retrieval.web.body import ACCEPT_ENCODING, read_body, too_large
from retrieval.web.guard import Guard
from retrieval.web.kinds import MOST, Kind, check_bytes, decoded, kind_of
from retrieval.web.limits import MIB
from retrieval.web.pages import Unfetchable
from retrieval.web.urls import BadUrl, WebUrl, join
from retrieval.web.wire import Answer, Wire

MOST_HOPS = 5
_MOST_SAID = 4 * MIB
MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Received:
    """An answer as read. `kind` is None, and `body` empty, unless `status` is 200."""

    url: WebUrl
    status: int
    headers: Mapping[str, str]
    kind: Kind | None = None
    body: bytes = b""


@dataclass(frozen=True)
class Said:
    """What the interface of a server said, whatever its status and type: `body` is text."""

    status: int
    headers: Mapping[str, str]
    body: str


class Visitor:
    """Asks for addresses through one guard."""

    def __init__(self, guard: Guard, wire: Wire, user_agent: str) -> None:
        self._guard, self._wire = guard, wire
        self._headers = {
            "User-Agent": user_agent,
            "Accept-Encoding": ACCEPT_ENCODING,
            "Accept-Language": "en, *;q=0.5",
        }

    def allows(self, url: WebUrl) -> bool:
        """Whether a person named this origin."""
        return self._guard.allows(url)

    def check(self, url: WebUrl) -> None:
        """Judge an address as far as that goes without the network. Raises Forbidden."""
        self._guard.check_url(url)

    async def ask(self, url: WebUrl, headers: Mapping[str, str]) -> Received:
        """Return the answer of one address, redirect or not. Raises HttpError, Unfetchable."""
        self._guard.check_url(url)
        async with self._wire.ask(url, {**self._headers, **headers}) as answer:
            if answer.status != 200:
                return Received(url, answer.status, answer.headers)
            kind = kind_of(answer.headers.get("content-type", ""))
            body = await _body(answer, MOST[kind])
        check_bytes(kind, body)
        return Received(url, answer.status, answer.headers, kind, body)

    async def say(self, url: WebUrl, headers: Mapping[str, str], body: bytes | None) -> Said:
        """Return what an interface says to GET, or to POST with a body; no redirect is followed.

        Raises:
            HttpError, Unfetchable: there is no answer, or one of more than 4 MiB.
        """
        self._guard.check_url(url)
        async with self._wire.ask(url, {**self._headers, **headers}, body) as answer:
            packed = answer.headers.get("content-encoding", "")
            raw = await read_body(answer.raw(), packed, _MOST_SAID)
        return Said(answer.status, answer.headers, raw.decode("utf-8", "replace"))

    async def plain_text(self, url: WebUrl) -> tuple[int, str]:
        """Return status and text at the end of the redirects. Raises HttpError, Unfetchable."""
        for _ in range(MOST_HOPS + 1):
            received = await self.ask(url, {"Accept": "text/plain, */*;q=0.1"})
            if received.status not in MOVED:
                text = decoded("text", "charset=utf-8", received.body)
                return received.status, text
            url = next_hop(received.url, received.headers.get("location", ""))
        raise too_many_hops()


def next_hop(url: WebUrl, location: str) -> WebUrl:
    """Return where a redirect from `url` leads. Raises Unfetchable."""
    try:
        there = join(url, location)
    except BadUrl as error:
        raise Unfetchable("redirects", f"the page redirects to what is no page: {error}") from None
    if url.scheme == "https" and there.scheme == "http":
        raise Unfetchable("redirects", f"the page redirects from https down to {there}")
    if there == url:
        raise Unfetchable("redirects", "the page redirects to itself")
    return there


def too_many_hops() -> Unfetchable:
    """Return what is said at the end of patience."""
    return Unfetchable("redirects", f"the page redirects more than {MOST_HOPS} times")


async def _body(answer: Answer, most: int) -> bytes:
    announced = answer.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:18]) > most:
        raise too_large(most)
    return await read_body(answer.raw(), answer.headers.get("content-encoding", ""), most)
