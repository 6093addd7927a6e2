"""The one way from an address to a text, as its callers see it; and its tape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.web.fetch import Fetcher
from retrieval.web.http import taped
from retrieval.web.pages import Unfetchable, fetched_from
from retrieval.web.tape import Player, Recorder
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
    """Pages, problems and answers of APIs; nothing is sent, and what is not on it is said."""
    server = web(
        {
            "/page": says(PAGE),
            "/api": says('{"a": [1]}', "application/json"),
            "/gone": says(status=410),
        }
    )
    urls = [f"http://taped.example{path}" for path in ("/page", "/gone", "/page")]

    def session() -> list[object]:
        found: list[object] = [fetcher.fetch(url) for url in urls]
        found.append(fetcher.json("http://taped.example/api", headers={"X-Key": "secret-key"}))
        with pytest.raises(Unfetchable) as caught:
            fetcher.json("http://taped.example/gone")
        return [*found, caught.value.problem]

    with taped(Recorder(tmp_path / "tape.jsonl")):
        first = session()
    asked = len(server.seen)
    with taped(Player(tmp_path / "tape.jsonl")):
        assert session() == first
        assert problem(fetcher.fetch("http://taped.example/else")) == "offline"
        with pytest.raises(Unfetchable, match="holds no answer"):
            fetcher.json("http://taped.example/else")
    assert len(server.seen) == asked
    assert "secret-key" not in (tmp_path / "tape.jsonl").read_text()


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
