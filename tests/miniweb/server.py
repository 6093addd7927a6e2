"""The server of the mini-web: real HTTP on the loopback, one thread a connection.

    with MiniWeb(articles, embedder_dir) as web:
        ...  web.base, web.faults.set(Fault("slow")), web.log

| path                        | answers                                                        |
|-----------------------------|----------------------------------------------------------------|
| `/wiki/TITLE`               | an article as HTML, with `ETag` and `Last-Modified`            |
| `/w/api.php`                | MediaWiki's search API                                         |
| `/search?q=…&format=json`   | SearXNG's search API                                           |
| `/robots.txt`               | who may read what: `/private/` nobody                          |
| any path given as a page    | that page, hostile or not, with the type it was given          |
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from tests.miniweb import apis
from tests.miniweb.articles import Article
from tests.miniweb.faults import CAPTCHA, Fault, Faults
from tests.miniweb.linking import Linker
from tests.miniweb.pages import article_page
from tests.miniweb.store import ArticleStore

ROBOTS = "User-agent: *\nDisallow: /private/\nDisallow: /wiki/Special:\n"
HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Page:
    """A page that is no article; one with a `snippet` is also a search result, before others."""

    body: str
    type: str = HTML
    title: str = ""
    snippet: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    path: str
    user_agent: str


class MiniWeb:
    """A web of articles and pages. `base` is its address while it is open.

    Args:
        articles: what the encyclopaedia holds; empty for a directory that holds a finished store.
        embedder_dir: of the embedder that its search engine uses.
        pages: further pages by path.
        directory: where articles and index are kept; without one they go when it closes.
        port: to listen on; 0 takes a free one.
    """

    def __init__(
        self,
        articles: Iterable[Article],
        embedder_dir: Path,
        *,
        pages: Mapping[str, Page] | None = None,
        directory: Path | None = None,
        port: int = 0,
    ) -> None:
        self._closing = ExitStack()
        place = directory or Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
        self.store = ArticleStore(place, embedder_dir)
        self._closing.callback(self.store.close)
        if not self.store.finished:
            self.store.build(articles)
        self.linker = Linker(self.store.titles)
        self._page_of = lru_cache(maxsize=256)(self._made)
        self.pages = dict(pages or {})
        self.faults = Faults()
        self.log: list[Asked] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.web = self
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> MiniWeb:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._closing.close()

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        with self._closing:
            self._server.serve_forever()

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, str, str]:
        """Return status, content type and body for a path."""
        if path == "/robots.txt":
            return 200, "text/plain", ROBOTS
        if path == "/w/api.php":
            return 200, JSON, json.dumps(apis.mediawiki(self.store, query, self.base))
        if path == "/search":
            return self._searched(query)
        if path in self.pages:
            return 200, self.pages[path].type, self.pages[path].body
        if path.startswith("/wiki/"):
            page = self._page_of(path.removeprefix("/wiki/"))
            if page is not None:
                return 200, HTML, page
        return 404, HTML, "<html><title>Not found</title><h1>There is no such page</h1></html>"

    def _made(self, slug: str) -> str | None:
        """Return an article as HTML; finding its links takes longer than all else."""
        article = self.store.article(slug)
        return None if article is None else article_page(article, self.linker)

    def _searched(self, query: Mapping[str, str]) -> tuple[int, str, str]:
        if query.get("format") != "json":
            return 403, HTML, "<h1>Forbidden</h1>"
        first = [
            {"url": self.base + path, "title": page.title, "content": page.snippet}
            for path, page in self.pages.items()
            if page.snippet
        ]
        found = apis.searxng(self.store, query.get("q", ""), self.base, first)
        return 200, JSON, json.dumps(found)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    web: MiniWeb

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request, unless a fault is in force for it."""
        web = self.server.web
        web.log.append(Asked(self.path, self.headers.get("User-Agent", "")))
        fault = web.faults.take(self.path)
        if fault is not None and self._failed(fault):
            return
        parts = urlsplit(self.path)
        status, kind, body = web.answer(parts.path, dict(parse_qsl(parts.query)))
        page = web.pages.get(parts.path)
        self._send(status, kind, body, page.headers if page else {})

    def _failed(self, fault: Fault) -> bool:
        """Fail as told; say whether that was the answer."""
        match fault.kind:
            case "slow":
                time.sleep(fault.seconds)
                return False
            case "drop" | "garbage":
                if fault.kind == "garbage":
                    self.wfile.write(b"this is no HTTP\r\n\r\n")
                self.close_connection = True
            case "error":
                self._send(500, HTML, "<h1>Internal error</h1>", {})
            case "captcha":
                self._send(200, HTML, CAPTCHA, {})
            case "rate_limit":
                later = {"Retry-After": f"{fault.seconds:g}"}
                self._send(429, HTML, "<h1>Too many requests</h1>", later)
            case "accepted":
                self._send(202, HTML, "", {})
            case "forbidden":
                self._send(403, HTML, "<h1>Forbidden</h1>", {})
        return True

    def _send(self, status: int, kind: str, body: str, headers: Mapping[str, str]) -> None:
        data = body.encode("utf-8", "surrogatepass")
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if status == 200 and self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        self.send_response(status)
        for name, value in {"Content-Type": kind, "ETag": tag, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet; `MiniWeb.log` has what was asked."""
