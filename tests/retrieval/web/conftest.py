"""Fixtures of the web tests: a fetcher on the small internet, and a witness of every connection."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from retrieval.web.fetch import Fetcher
from retrieval.web.limits import FetchSettings
from tests.retrieval.web.internet import Names, Say, Server, Switchboard, serving

QUICK = FetchSettings(delay=0.0)


@dataclass
class Witness:
    """What the interpreter itself reports: each socket that connects, each name that is looked up.

    It stands below every library, so nothing that this process does can get past it.
    """

    connected: list[Any] = field(default_factory=list)
    looked_up: list[Any] = field(default_factory=list)


_witnesses: list[Witness] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _witnesses or not event.startswith("socket."):
        return
    for witness in _witnesses:
        if event == "socket.connect":
            witness.connected.append(arguments[1])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            witness.looked_up.append(arguments[0])


sys.addaudithook(_watch)  # for the life of the process; it does nothing while nobody listens


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Return a record of every connection and look-up of this process during the test."""
    found = Witness()
    _witnesses.append(found)
    yield found
    _witnesses.remove(found)


@pytest.fixture(scope="module")
def board() -> Iterator[Switchboard]:
    """Take the place of the last step before the operating system, for one file of tests."""
    board = Switchboard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.web.connect.dial", lambda: board)
        yield board


@pytest.fixture
def switchboard(board: Switchboard) -> Switchboard:
    """Return the switchboard with nobody connected and nothing noted."""
    board.dialled.clear()
    board.lines.clear()
    return board


@pytest.fixture(scope="module")
def names() -> Names:
    """Every name leads to one public address, but those that a test adds to `known`."""
    return Names()


@pytest.fixture(scope="module")
def one_fetcher(board: Switchboard, names: Names) -> Iterator[Fetcher]:
    fetcher = Fetcher(QUICK, resolver=names)
    yield fetcher
    fetcher.close()


@pytest.fixture
def fetcher(one_fetcher: Fetcher, switchboard: Switchboard) -> Fetcher:
    """A fetcher as users get it, without pauses.

    The tests of a file share it, for its parser is slow to start; each reads hosts of its own.
    """
    return one_fetcher


@pytest.fixture
def fetchers(switchboard: Switchboard) -> Iterator[Callable[..., Fetcher]]:
    """Return a function that makes fetchers, which are closed in the end."""
    made: list[Fetcher] = []

    def make(settings: FetchSettings = QUICK, *args: Any, **options: Any) -> Fetcher:
        options.setdefault("resolver", Names())
        made.append(Fetcher(settings, *args, **options))
        return made[-1]

    yield make
    for fetcher in made:
        fetcher.close()


@pytest.fixture
def web(switchboard: Switchboard) -> Iterator[Callable[..., Server]]:
    """Return a function that puts pages behind every public address, on port 80 (443 with TLS).

    They have no robots.txt but what a test puts there.
    """
    with ExitStack() as servers:

        def put(pages: dict[str, Say], tls: Any = None) -> Server:
            server = servers.enter_context(serving(pages, tls))
            switchboard.lines[443 if tls else 80] = server.port
            return server

        yield put
