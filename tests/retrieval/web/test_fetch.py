"""The one way from an address to a text, as its callers see it; and its tape."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from math import inf
from pathlib import Path

import pytest

from retrieval.web.errors import HttpError, Refused, Unreachable
from retrieval.web.fetch import Fetcher, never
from retrieval.web.http import Patience, Request, read_lines, taped, through_tape
from retrieval.web.pages import Unfetchable, fetched_from
from retrieval.web.providers.guarded import GuardedApi
from retrieval.web.tape import NotOnTape, Player, Recorder
from tests.retrieval.web.internet import Server, moves, says
from tests.retrieval.web.test_egress import ARTICLE, problem

Web = Callable[..., Server]
PAGE = """<html lang="en-GB"><head><title>Cheese</title></head><body><nav><a href="/n">all</a></nav>
<article><h1>Cheese</h1><p>Cheese comes from <a href="/wiki/Milk?utm_source=x">milk</a>, and has
done so for 10<sup>4</sup> years<sup>[1]</sup>. <span style="display: none">Say nothing.</span></p>
</article></body></html>"""


def test_a_page_becomes_text_with_its_links_at_their_offsets(fetcher: Fetcher, web: Web) -> None:
    """A redirect is followed, what a browser hides is not read, footnote marks are gone."""
    web({"/moved": moves("/page"), "/page": says(PAGE)})
    found = fetcher.fetch("http://fetch.example/moved")
    assert (found.status, found.final_url) == (200, "http://fetch.example/page")
    assert (found.problem, found.from_cache) == (None, False)
    page = found.page
    assert page is not None
    assert (page.title, page.language, page.domain) == ("Cheese", "en", "fetch.example")
    assert "Cheese comes from milk, and has done so for 10^4 years." in page.text
    assert "Say nothing" not in page.text
    [link] = page.links
    assert page.text[link.start : link.end] == "milk"
    assert (link.url, link.domain) == ("http://fetch.example/wiki/Milk", "fetch.example")


def test_a_fetch_survives_json(fetcher: Fetcher, web: Web) -> None:
    """Pages and problems come back from JSON as they were: traces and tapes rest on it."""
    web({"/page": says(PAGE)})
    for url in ("http://fetch.example/page", "http://fetch.example/no", "http://127.0.0.1/"):
        found = fetcher.fetch(url)
        assert fetched_from(json.loads(json.dumps(found.as_json()))) == found


def test_a_recorded_session_reads_its_pages_from_the_tape(
    fetcher: Fetcher, web: Web, tmp_path: Path
) -> None:
    """Pages and problems, and what an API said; nothing is sent; what is not on it is said."""
    server = web(
        {
            "/page": says(PAGE),
            "/api": says('{"a": [1]}', "application/json"),
            "/gone": says(status=410),
        }
    )
    api = GuardedApi(fetcher)
    urls = [f"http://taped.example{path}" for path in ("/page", "/gone", "/page")]

    def session() -> list[object]:
        found: list[object] = [fetcher.fetch(url) for url in urls]
        for path in ("/api", "/gone"):
            request = Request(f"http://taped.example{path}", {"X-Key": "secret-key"})
            answer = api.ask(request, deadline=time.monotonic() + 20, should_stop=never)
            found.append((answer.status, answer.body))
        return found

    with taped(Recorder(tmp_path / "tape.jsonl")):
        first = session()
    asked = len(server.seen)
    with taped(Player(tmp_path / "tape.jsonl")):
        assert session() == first
        assert problem(fetcher.fetch("http://taped.example/else")) == "offline"
        with pytest.raises(NotOnTape, match="holds no answer"):
            api.ask(Request("http://taped.example/else", {}), deadline=inf, should_stop=never)
    assert len(server.seen) == asked
    assert "secret-key" not in (tmp_path / "tape.jsonl").read_text()


def _kinds(kind: type[HttpError]) -> list[type[HttpError]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *_kinds(sub))]


@pytest.mark.parametrize("kind", [each for each in _kinds(HttpError) if each is not NotOnTape])
def test_every_failure_can_be_recorded_and_replayed(kind: type[HttpError], tmp_path: Path) -> None:
    """A tape of a certificate that did not hold, or of what the guard forbade, is a tape too."""
    error = kind(503, "later", 7.0) if kind is Refused else kind("it failed")
    request, path = Request("https://taped.example/", {}), tmp_path / "tape.jsonl"

    def live() -> Iterator[str]:
        yield "a line"
        raise error

    with taped(Recorder(path)), pytest.raises(kind):
        list(through_tape(request, live))
    with taped(Player(path)):
        lines = through_tape(request, live)
        assert next(lines) == "a line"
        with pytest.raises(HttpError) as raised:
            next(lines)
    assert (type(raised.value), str(raised.value)) == (kind, str(error))


@pytest.mark.parametrize("key", ["“secret”", "secret\nX-Other: 1", "secret "])
def test_a_header_that_cannot_be_sent_is_a_problem_that_does_not_show_it(
    fetcher: Fetcher, web: Web, key: str
) -> None:
    """It may be a key; nothing is sent, and nobody waits."""
    server = web({"/api": says("{}", "application/json")})
    headers = {"X-Key": key}
    with pytest.raises(Unfetchable, match="a header has characters") as raised:
        fetcher.ask(Request("http://keyed.example/api", headers))
    assert "secret" not in str(raised.value)
    assert not any(each.line for each in server.seen)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(Unreachable, match="a header has characters"):
            list(read_lines(Request(address, headers), Patience(), never))


def test_whatever_ends_a_request_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect is no silence that somebody waits two minutes for."""

    async def breaks(*arguments: object) -> AsyncIterator[str]:
        yield "a line"
        raise LookupError("a defect")

    monkeypatch.setattr("retrieval.web.http.api_lines", breaks)
    began = time.monotonic()
    with pytest.raises(LookupError, match="a defect"):
        list(read_lines(Request("http://127.0.0.1:9/", {}), Patience(), never))
    assert time.monotonic() - began < 15


def test_a_closed_fetcher_begins_again(fetchers: Callable[..., Fetcher], web: Web) -> None:
    """Closing ends its thread and its parser; the next page starts them anew."""
    web({"/page": says(ARTICLE)})
    fetcher = fetchers()
    for _ in range(2):
        assert fetcher.fetch("http://again.example/page").page is not None
        fetcher.close()


def test_several_threads_may_ask_at_once(fetcher: Fetcher, web: Web) -> None:
    """Each gets its own page."""
    from concurrent.futures import ThreadPoolExecutor

    web({f"/{n}": says(ARTICLE.replace("Cheese", f"Cheese {n}")) for n in range(8)})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: fetcher.fetch(f"http://t{n % 3}.example/{n}"), range(8)))
    assert [each.page and each.page.title for each in found] == [f"Cheese {n}" for n in range(8)]
