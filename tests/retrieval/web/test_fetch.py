"""Fetching from a real server on loopback, which the fetcher was told to allow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retrieval.web.fetch import Fetcher
from retrieval.web.limits import FetchSettings

PAGE = """<html lang="en-GB"><head><title>Cheese</title></head><body><nav><a href="/n">all</a></nav>
<article><h1>Cheese</h1><p>Cheese comes from <a href="/wiki/Milk?utm_source=x">milk</a>, and has
done so for 10<sup>4</sup> years<sup>[1]</sup>. <span style="display: none">Say nothing.</span></p>
</article></body></html>"""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/page")
            self.end_headers()
            return
        kind, body = {"/json": ("application/json", '{"a": 1}')}.get(self.path, ("text/html", PAGE))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def fetcher(base: str) -> Iterator[Fetcher]:
    fetcher = Fetcher(FetchSettings(allow=(base,)))
    yield fetcher
    fetcher.close()


def test_a_page_becomes_text_with_its_links_at_their_offsets(fetcher: Fetcher, base: str) -> None:
    """A redirect is followed, what a browser hides is not read, footnote marks are gone."""
    found = fetcher.fetch(f"{base}/moved")
    assert (found.status, found.final_url, found.problem) == (200, f"{base}/page", None)
    page = found.page
    assert page is not None
    assert (page.title, page.language) == ("Cheese", "en")
    assert "Cheese comes from milk, and has done so for 10^4 years." in page.text
    assert "Say nothing" not in page.text
    [link] = page.links
    assert page.text[link.start : link.end] == "milk"
    assert link.url == f"{base}/wiki/Milk"


def test_an_origin_is_trusted_for_one_call_alone(base: str) -> None:
    """A search engine in one's own network answers; a page of it is still out of reach."""
    fetcher = Fetcher()
    assert fetcher.json(f"{base}/json", trusted=base) == {"a": 1}
    problem = fetcher.fetch(f"{base}/page").problem
    assert problem is not None
    assert problem.code == "forbidden"
    fetcher.close()
