"""The answers of the two search APIs that the mini-web speaks, as the real ones write them.

MediaWiki: https://www.mediawiki.org/wiki/API:Search. SearXNG: its documentation's search API.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from tests.miniweb.pages import article_address
from tests.miniweb.store import ArticleStore

_SNIPPET = 160  # characters of a MediaWiki snippet
_OPERATOR = re.compile(r"\bOR\b")


def mediawiki(store: ArticleStore, query: Mapping[str, str], base: str) -> dict[str, Any]:
    """Answer `action=query&list=search`; anything else is an error of MediaWiki's own form."""
    if query.get("action") != "query" or query.get("list") != "search":
        return {"error": {"code": "badvalue", "info": "Unrecognised value for parameter."}}
    wanted = _OPERATOR.sub(" ", query.get("srsearch", ""))
    if not wanted.strip():
        return {"error": {"code": "missingparam", "info": 'The "srsearch" parameter must be set.'}}
    limit = min(int(query.get("srlimit", "10")), 50)
    rows = [
        {
            "ns": 0,
            "title": title,
            "snippet": _marked(hit.passage.text, wanted),
            "timestamp": "2019-07-20T00:00:00Z",
        }
        for title, hit in store.search(wanted, limit)
    ]
    general = {"sitename": "Mini encyclopaedia", "articlepath": "/wiki/$1", "server": base}
    return {
        "batchcomplete": True,
        "query": {"searchinfo": {"totalhits": len(rows)}, "search": rows, "general": general},
    }


def searxng(
    store: ArticleStore, query: str, base: str, extra: list[dict[str, Any]]
) -> dict[str, Any]:
    """Answer `/search?format=json`; `extra` results, such as hostile pages, come first."""
    rows = extra + [
        {
            "url": base + article_address(title),
            "title": title,
            "content": hit.passage.text,
            "engine": "mini",
            "publishedDate": None,
        }
        for title, hit in store.search(query, 10)
    ]
    return {
        "query": query,
        "number_of_results": len(rows),
        "results": rows,
        "answers": [],
        "suggestions": [],
        "unresponsive_engines": [],
    }


def _marked(text: str, query: str) -> str:
    """Return a snippet with the words of the query marked up, cut where MediaWiki would."""
    words = [re.escape(word) for word in query.split() if len(word) > 2]
    first = re.search("|".join(words), text, re.IGNORECASE) if words else None
    start = max(0, first.start() - _SNIPPET // 3) if first else 0
    piece = html.escape(text[start : start + _SNIPPET])
    if not words:
        return piece
    pattern = re.compile(rf"\b({'|'.join(words)})\b", re.IGNORECASE)
    return pattern.sub(r'<span class="searchmatch">\1</span>', piece)
