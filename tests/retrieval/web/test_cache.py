"""The cache: RFC 9111, replay with the network off, and forgetting."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import partial
from pathlib import Path

import pytest

from retrieval.web.cache import PageCache, Stored
from retrieval.web.fetch import Fetcher
from retrieval.web.freshness import good_until, may_store, must_ask, retry_after
from retrieval.web.http import Request
from retrieval.web.pages import Unfetchable
from tests.retrieval.web.conftest import QUICK
from tests.retrieval.web.internet import Connection, Server, Switchboard, moves, says
from tests.retrieval.web.test_egress import problem

Web = Callable[..., Server]
TEXT = partial(says, "Cheese is made of milk.", "text/plain")
NOW = 1_700_000_000.0
DAY = 86_400


def at(seconds: float) -> str:
    return formatdate(NOW + seconds, usegmt=True)


LIFETIMES = [
    ({"cache-control": "max-age=60"}, 60),
    ({"cache-control": "public, MAX-AGE=60"}, 60),
    ({"cache-control": 'max-age="60"'}, 60),
    ({"cache-control": "s-maxage=600, max-age=60"}, 60),
    ({"cache-control": "max-age=60", "age": "20"}, 40),
    ({"cache-control": "max-age=60", "date": at(-30)}, 30),
    ({"cache-control": "max-age=60", "expires": at(9999)}, 60),
    ({"cache-control": "max-age=nonsense"}, 0),
    ({"expires": at(120), "date": at(0)}, 120),
    ({"expires": "0"}, 0),
    ({"expires": at(-120), "date": at(0)}, 0),
    ({"last-modified": at(-1000), "date": at(0)}, 100),
    ({"last-modified": at(-1000 * DAY), "date": at(0)}, DAY),
    ({"last-modified": "yesterday"}, 0),
    ({}, 0),
    ({"cache-control": "max-age=99999999999999999999"}, 366 * DAY),
]


@pytest.mark.parametrize(("headers", "seconds"), LIFETIMES)
def test_how_long_an_answer_is_good(headers: dict[str, str], seconds: float) -> None:
    """RFC 9111, 4.2: explicit, then the difference of dates, then a tenth of the age."""
    assert good_until(200, headers, NOW) == pytest.approx(NOW + seconds)


@pytest.mark.parametrize("control", ["no-cache", "max-age=60, no-cache", 'no-cache="Set-Cookie"'])
def test_no_cache_means_ask_first(control: str) -> None:
    assert good_until(200, {"cache-control": control}, NOW) < NOW
    assert must_ask({"cache-control": control})


@pytest.mark.parametrize(
    ("status", "headers", "stored"),
    [
        (200, {}, True),
        (404, {}, True),
        (301, {}, True),
        (302, {}, False),
        (302, {"cache-control": "max-age=60"}, True),
        (500, {"cache-control": "max-age=60"}, False),
        (503, {}, False),
        (200, {"cache-control": "no-store"}, False),
        (200, {"cache-control": "private"}, True),
        (200, {"vary": "*"}, False),
        (200, {"vary": "accept-encoding"}, True),
        (304, {}, False),
    ],
)
def test_what_may_be_kept(status: int, headers: dict[str, str], stored: bool) -> None:
    """A private cache keeps what is private, and never what says no-store."""
    assert may_store(status, headers) == stored


def test_a_wish_to_wait_is_read_in_both_its_forms() -> None:
    assert retry_after({"retry-after": "120"}, NOW) == 120
    assert retry_after({"retry-after": at(90)}, NOW) == pytest.approx(90, abs=1)
    assert retry_after({"retry-after": at(-90)}, NOW) == 0
    assert retry_after({"retry-after": "soon"}, NOW) is None
    assert retry_after({}, NOW) is None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.sqlite3"


@pytest.fixture
def cache(path: Path) -> Iterator[PageCache]:
    cache = PageCache(path)
    yield cache
    cache.close()


Make = Callable[..., Fetcher]


def test_a_fresh_page_is_not_asked_for_again(fetchers: Make, web: Web, cache: PageCache) -> None:
    server = web({"/": TEXT(Cache_Control="max-age=60")})
    fetcher = fetchers(QUICK, cache)
    first, second = (fetcher.fetch("http://fresh.example/") for _ in range(2))
    assert server.paths == ["/robots.txt", "/"]
    assert (first.from_cache, second.from_cache) == (False, True)
    assert second.page == first.page
    assert second.fetched_at == first.fetched_at


def test_a_stale_page_costs_one_line(fetchers: Make, web: Web, cache: PageCache) -> None:
    """Asked with the server's own marks; "not modified" renews it."""

    def page(connection: Connection) -> None:
        if connection.headers.get("if-none-match") == '"v1"':
            says(status=304, Cache_Control="max-age=60", ETag='"v1"')(connection)
        else:
            TEXT(Cache_Control="max-age=0", ETag='"v1"', Last_Modified=at(0))(connection)

    server = web({"/": page})
    fetcher = fetchers(QUICK, cache)
    found = [fetcher.fetch("http://stale.example/") for _ in range(3)]
    assert [each.from_cache for each in found] == [False, True, True]
    assert len({each.page for each in found}) == 1
    assert server.paths.count("/") == 2
    assert server.seen[-1].headers["if-modified-since"] == at(0)


@pytest.mark.parametrize("mark", ['"\xe4\xf6"', '"\xff', "W/\x80"])
def test_a_mark_that_no_header_may_hold_is_not_sent_back(
    fetchers: Make, web: Web, cache: PageCache, mark: str
) -> None:
    """Servers send odd bytes; the page is asked for anew, as if there were no mark."""
    server = web({"/": TEXT(Cache_Control="max-age=0", ETag=mark)})
    fetcher = fetchers(QUICK, cache)
    for _ in range(2):
        assert fetcher.fetch("http://odd-marks.example/").page is not None
    assert "if-none-match" not in server.seen[-1].headers


def test_a_changed_page_takes_the_place_of_the_old(
    fetchers: Make, web: Web, cache: PageCache
) -> None:
    server = web({"/": TEXT(ETag='"v1"')})
    fetcher = fetchers(QUICK, cache)
    fetcher.fetch("http://changes.example/")
    server.pages["/"] = says("Butter", "text/plain", ETag='"v2"')
    found = fetcher.fetch("http://changes.example/")
    assert found.page is not None
    assert (found.page.text, found.from_cache) == ("Butter", False)
    assert cache.size()[0] == 1


@pytest.mark.parametrize("trouble", ["down", "busy", "broken"])
def test_an_old_page_is_better_than_none(
    fetchers: Make, web: Web, cache: PageCache, switchboard: Switchboard, trouble: str
) -> None:
    """Unless it said that it must be asked for: then the trouble is told."""
    server = web({"/": TEXT(), "/strict": TEXT(Cache_Control="must-revalidate")})
    fetcher = fetchers(QUICK, cache)
    host = f"http://{trouble}.example"
    first = fetcher.fetch(f"{host}/")
    assert fetcher.fetch(f"{host}/strict").page is not None
    if trouble == "down":
        switchboard.lines.clear()
    else:
        no = says(status=503 if trouble == "busy" else 500, Retry_After="0")
        server.pages |= {"/": no, "/strict": no}
    found = fetcher.fetch(f"{host}/")
    assert found.page == first.page
    assert found.from_cache
    assert found.fetched_at == first.fetched_at
    assert problem(fetcher.fetch(f"{host}/strict")) in ("unreachable", "rate_limited", "status")


def test_with_the_network_off_only_the_cache_answers(
    fetchers: Make, web: Web, cache: PageCache, switchboard: Switchboard
) -> None:
    """Pages and redirects, fresh or not, byte for byte; the rest is said, and no API is asked."""
    web({"/old": moves("/page", 301), "/page": TEXT()})
    online = fetchers(QUICK, cache)
    first = online.fetch("http://replay.example/old")
    switchboard.dialled.clear()
    offline = fetchers(QUICK, cache, offline=True)
    again = offline.fetch("http://replay.example/old")
    assert again.page == first.page
    assert (again.final_url, again.from_cache) == ("http://replay.example/page", True)
    with pytest.raises(Unfetchable, match="the network is off"):
        offline.ask(Request("http://replay.example/api", {}))
    assert problem(offline.fetch("http://replay.example/other")) == "offline"
    assert switchboard.dialled == []


def test_a_private_chat_leaves_nothing(
    fetchers: Make, web: Web, cache: PageCache, path: Path
) -> None:
    """It may use what is there; not one byte of the file changes."""
    web({"/known": TEXT(Cache_Control="max-age=60"), "/new": TEXT()})
    fetcher = fetchers(QUICK, cache)
    fetcher.fetch("http://before.example/new", private=True)
    assert not path.exists()
    fetcher.fetch("http://before.example/known")
    cache.close()
    before = path.read_bytes()
    assert fetcher.fetch("http://before.example/known", private=True).from_cache
    fetcher.fetch("http://secret.example/new", private=True)
    cache.close()
    assert path.read_bytes() == before


def test_what_an_api_says_is_not_kept(
    fetchers: Make, web: Web, cache: PageCache, path: Path
) -> None:
    """Neither the answer nor the query nor the key."""
    web({"/api": says("{}", "application/json", Cache_Control="max-age=60")})
    fetchers(QUICK, cache).ask(Request("http://keys.example/api?q=x", {"X-Key": "secret"}))
    assert cache.size() == (0, 0)
    assert not path.exists()


def test_a_pause_at_a_host_holds_for_every_process(path: Path) -> None:
    """Whoever is first takes the turn; the others learn how long to wait."""
    now = [NOW]
    caches = [PageCache(path, clock=lambda: now[0]) for _ in range(2)]
    assert caches[0].left("a.example") == 0
    assert not path.exists()  # a look leaves nothing
    assert caches[0].claim("a.example", 5.0) == 0
    assert caches[1].claim("a.example", 5.0) == caches[1].left("a.example") == 5
    assert caches[1].claim("b.example", 5.0) == 0
    caches[1].rest("a.example", 60.0)
    caches[1].rest("a.example", 1.0)
    now[0] += 59
    assert caches[0].claim("a.example", 5.0) == 1
    caches[0].put(stored("http://a.example/x"))
    caches[0].forget(["http://a.example/x"])
    assert caches[1].left("a.example") == 0
    for cache in caches:
        cache.close()


def stored(url: str, text: str = "text") -> Stored:
    return Stored(url, 200, "", {"text": text}, "", "", NOW, NOW, False)


def test_the_least_recently_used_make_room(path: Path) -> None:
    """The limit holds, and what was looked at lately stays."""
    now = [NOW]

    def clock() -> float:
        now[0] += 1
        return now[0]

    cache = PageCache(path, limit=4000, clock=clock)
    noise = [random.Random(n).randbytes(300).hex() for n in range(30)]
    cache.put(stored("http://kept.example/"))
    for number, text in enumerate(noise):
        cache.put(stored(f"http://{number}.example/", text))
        assert cache.get("http://kept.example/") is not None
        assert cache.size()[1] <= 4000
    assert cache.get("http://0.example/") is None
    assert cache.get("http://29.example/") is not None
    cache.put(stored("http://huge.example/", "".join(noise) * 3))
    assert cache.get("http://huge.example/") is None
    cache.close()


def test_what_is_forgotten_is_gone_from_the_file(cache: PageCache, path: Path) -> None:
    """With the redirects to it; no byte of it is left on the disk. `purge` takes all."""
    cache.put(stored("http://told.example/secret-page"))
    cache.put(stored("http://told.example/other"))
    hop = Stored("http://x.example/", 301, "http://told.example/secret-page", None, "", "",
                 NOW, NOW, False)  # fmt: skip
    cache.put(hop)
    assert cache.forget(["http://told.example/secret-page#part"]) == 2
    assert cache.get("http://x.example/") is None
    assert all(b"secret-page" not in file.read_bytes() for file in path.parent.glob("web*"))
    assert cache.purge() == 1
    assert cache.size() == (0, 0)
    assert all(b"told.example" not in file.read_bytes() for file in path.parent.glob("web*"))


@pytest.mark.parametrize("damage", [b"no database at all, but some text" * 40, None])
def test_a_damaged_file_is_begun_anew(path: Path, damage: bytes | None) -> None:
    """A cache is never a reason for an error: what is broken is dropped, what is cut off too."""
    cache = PageCache(path)
    cache.put(stored("http://a.example/", "x" * 50_000))
    cache.close()
    whole = path.read_bytes()
    path.write_bytes(damage or whole[: len(whole) // 2])
    for _ in range(2):  # the first may only find the damage
        cache.get("http://a.example/")
        cache.put(stored("http://b.example/"))
    assert cache.get("http://b.example/") is not None
    cache.close()


def test_a_cache_that_cannot_be_written_is_done_without(
    fetchers: Make, web: Web, tmp_path: Path
) -> None:
    """A folder stands where the file should be: pages are read as ever."""
    (tmp_path / "taken").mkdir()
    web({"/": TEXT()})
    cache = PageCache(tmp_path / "taken")
    assert fetchers(QUICK, cache).fetch("http://no-room.example/").page is not None
    assert cache.size() == (0, 0)
    assert cache.purge() == 0


def test_tables_of_another_version_are_read_anew(cache: PageCache, path: Path) -> None:
    cache.put(stored("http://a.example/"))
    cache.close()
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 999")
    connection.close()
    assert cache.get("http://a.example/") is None
    cache.put(stored("http://a.example/"))
    assert cache.get("http://a.example/") is not None


def test_several_threads_and_windows_share_the_file(path: Path) -> None:
    """Two caches on one file, as two windows have them, from four threads."""
    caches = [PageCache(path), PageCache(path)]

    def work(number: int) -> None:
        for page in range(20):
            caches[number % 2].put(stored(f"http://{number}-{page}.example/"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caches[0].size()[0] == 80
    for cache in caches:
        cache.close()
