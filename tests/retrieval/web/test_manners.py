"""Manners: robots.txt, one request at a time, pauses that a server asks for, at most two tries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.web.cache import PageCache
from retrieval.web.fetch import Fetcher
from retrieval.web.limits import FetchSettings
from retrieval.web.pages import Unfetchable
from retrieval.web.polite import Politeness
from retrieval.web.robots import RobotsRules
from retrieval.web.urls import parse
from tests.retrieval.web.internet import Connection, Say, Server, moves, says
from tests.retrieval.web.test_egress import problem

Web = Callable[..., Server]
TEXT = says("Cheese is made of milk.", "text/plain")


def robots(text: str) -> Say:
    return says(text, "text/plain")


def test_what_a_site_asks_not_to_be_read_is_not_read(fetcher: Fetcher, web: Web) -> None:
    """With wildcards, and the rules for everybody where there are none for us."""
    rules = "User-agent: *\nDisallow: /private/\nAllow: /private/open*"
    server = web({"/robots.txt": robots(rules), "/private/a": TEXT,
                  "/private/open-1": TEXT, "/b": TEXT})  # fmt: skip
    host = "http://robots.example"
    assert problem(fetcher.fetch(f"{host}/private/a")) == "robots"
    assert fetcher.fetch(f"{host}/private/open-1").page is not None
    assert fetcher.fetch(f"{host}/b").page is not None
    assert server.paths == ["/robots.txt", "/private/open-1", "/b"]


def test_rules_for_our_name_come_before_those_for_everybody(fetcher: Fetcher, web: Web) -> None:
    web({"/robots.txt": robots("User-agent: *\nDisallow: /\n\nUser-agent: chatapp\nDisallow: /x"),
         "/a": TEXT})  # fmt: skip
    assert fetcher.fetch("http://named.example/a").page is not None
    assert problem(fetcher.fetch("http://named.example/x")) == "robots"


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (says("no", status=404), True),
        (says("no", status=403), True),
        (says("no", status=500), False),
        (says("no", status=503), False),
        (says("<html>not found</html>"), True),
        (says(b"\x89PNG\r\n", "image/png"), True),
        (says("", "text/plain"), True),
        (moves("/robots.txt"), True),
        (moves("/rules"), False),
    ],
    ids=["404", "403", "500", "503", "a page", "a picture", "empty", "in a circle", "elsewhere"],
)
def test_a_missing_robots_txt_allows_and_a_broken_one_forbids(
    fetchers: Callable[..., Fetcher], web: Web, answer: Say, read: bool
) -> None:
    """RFC 9309: 4xx is "no rules", 5xx is "read nothing until it says something"."""
    web({"/robots.txt": answer, "/rules": robots("User-agent: *\nDisallow: /"),
         "/": TEXT})  # fmt: skip
    found = fetchers().fetch("http://rules.example/")
    assert (found.page is not None) == read
    assert read or problem(found) == "robots"


def test_a_site_that_cannot_be_reached_is_said_to_be_so(fetcher: Fetcher) -> None:
    """Not "robots": the page cannot be had either."""
    assert problem(fetcher.fetch("http://nobody.example/")) == "unreachable"


def test_rules_hold_for_a_day_and_failures_for_minutes(tmp_path: Path) -> None:
    """Also in the next process, through the cache; a private chat leaves no trace of a site."""
    now = [1000.0]
    asked: list[str] = []
    status = [200]

    async def ask(url: object) -> tuple[int, str]:
        asked.append(str(url))
        return status[0], "User-agent: *\nCrawl-delay: 3"

    def clock() -> float:
        return now[0]

    cache = PageCache(tmp_path / "web.sqlite3", clock=clock)
    url = parse("https://site.example/a")

    def check(rules: RobotsRules, private: bool = False) -> float:
        return asyncio.run(rules.check(url, private=private))

    assert check(RobotsRules("chatapp", ask, cache, clock), private=True) == 3.0
    assert not (tmp_path / "web.sqlite3").exists()
    for _ in range(3):
        assert check(RobotsRules("chatapp", ask, cache, clock)) == 3.0
    assert asked == ["https://site.example/robots.txt"] * 2
    now[0] += 86_401
    status[0] = 500
    rules = RobotsRules("chatapp", ask, cache, clock)
    for _ in range(2):
        with pytest.raises(Unfetchable):
            check(rules)
    assert len(asked) == 3
    now[0] += 301
    status[0] = 404
    assert check(rules) == 0.0
    cache.close()


async def test_one_host_is_asked_by_one_at_a_time() -> None:
    """Others are not held up by it."""
    polite = Politeness(longest=5.0)
    inside, most = 0, 0

    async def visit(host: str) -> None:
        nonlocal inside, most
        async with polite.turn(host):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(visit("a.example") for _ in range(20)))
    assert most == 1
    await asyncio.gather(*(visit(f"{n}.example") for n in range(20)))
    assert most > 1


async def test_a_pause_is_waited_for_or_said() -> None:
    """Within patience it is waited for; over it, the seconds are told at once."""
    now = [0.0]
    polite = Politeness(longest=5.0, clock=lambda: now[0])
    polite.rest("a.example", 60.0)
    polite.rest("a.example", 1.0)
    with pytest.raises(Unfetchable) as caught:
        await polite.wait("a.example")
    assert caught.value.problem.code == "rate_limited"
    assert caught.value.problem.retry_after == 60.0
    now[0] = 59.9
    begun = time.monotonic()
    await polite.wait("a.example")
    assert time.monotonic() - begun >= 0.09
    await polite.wait("b.example")


async def test_two_processes_keep_one_pause(tmp_path: Path) -> None:
    """One takes the turn, the other learns how long it has to wait; what is private is not told."""
    now = [1000.0]
    path = tmp_path / "web.sqlite3"

    def process() -> Politeness:
        cache = PageCache(path, clock=lambda: now[0])
        return Politeness(longest=5.0, clock=lambda: now[0], shared=cache)

    one, other, private = process(), process(), process()
    await private.wait("a.example", 60.0, private=True)
    private.rest("a.example", 60.0, private=True)
    assert not path.exists()
    await one.wait("a.example", 60.0)
    for late, hidden in ((other, False), (process(), True)):
        with pytest.raises(Unfetchable, match="another 60 s"):
            await late.wait("a.example", 60.0, private=hidden)
    await other.wait("b.example", 60.0)
    now[0] += 61
    await other.wait("a.example", 60.0)


def test_pages_of_one_host_are_read_with_pauses(fetchers: Callable[..., Fetcher], web: Web) -> None:
    """Our own delay, or the longer one that robots.txt names."""
    times: list[float] = []

    def page(connection: Connection) -> None:
        times.append(time.monotonic())
        says("text", "text/plain")(connection)

    web({"/a": page, "/b": page, "/robots.txt": robots("User-agent: *\nCrawl-delay: 0.5")})
    fetcher = fetchers(FetchSettings(delay=0.1))
    for path in ("/a", "/b"):
        assert fetcher.fetch(f"http://paced.example{path}").page is not None
    assert times[1] - times[0] >= 0.45


class Busy:
    """Says no a few times, then yes."""

    def __init__(self, times: int, status: int, **headers: str) -> None:
        self.left = times
        self._no, self._yes = says("wait", status=status, **headers), says("yes", "text/plain")

    def __call__(self, connection: Connection) -> None:
        self.left -= 1
        (self._no if self.left >= 0 else self._yes)(connection)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_once_more(fetcher: Fetcher, web: Web, status: int) -> None:
    """After the pause that it asks for."""
    server = web({"/": Busy(1, status, Retry_After="0")})
    assert fetcher.fetch(f"http://busy{status}.example/").page is not None
    assert server.paths == ["/robots.txt", "/", "/"]


def test_a_server_that_stays_busy_is_left_alone(fetcher: Fetcher, web: Web) -> None:
    """Two tries and no third; a long wish is told, kept, and not even asked against."""
    server = web({"/": Busy(9, 503, Retry_After="0"), "/later": Busy(9, 429, Retry_After="3600")})
    found = fetcher.fetch("http://always-busy.example/")
    assert (problem(found), server.paths.count("/")) == ("rate_limited", 2)
    for _ in range(2):
        found = fetcher.fetch("http://much-later.example/later")
        assert found.problem is not None
        assert found.problem.code == "rate_limited"
        assert found.problem.retry_after == pytest.approx(3600, abs=60)
    assert server.paths.count("/later") == 1


def test_a_connection_that_breaks_is_tried_once_more(fetcher: Fetcher, web: Web) -> None:
    """As kept connections do when a server has closed them meanwhile."""
    broken = [True]

    def page(connection: Connection) -> None:
        if broken.pop() if broken else False:
            return  # closed without a word
        says("yes", "text/plain")(connection)

    server = web({"/": page})
    assert fetcher.fetch("http://breaks.example/").page is not None
    assert server.paths.count("/") == 2


def test_a_plain_no_is_not_asked_again(fetcher: Fetcher, web: Web) -> None:
    server = web({"/": says("no", status=403)})
    assert problem(fetcher.fetch("http://no.example/")) == "status"
    assert server.paths.count("/") == 1
