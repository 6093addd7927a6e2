"""A SearXNG of the person's own: a metasearch engine that is asked at an address they give.

https://docs.searxng.org/dev/search_api.html. Its JSON form is off by default and then answers 403;
engines that keep it out are listed in `unresponsive_engines` beside an empty list of results.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urljoin

from retrieval.web.http import Request
from retrieval.web.providers.api import Api, ask_json
from retrieval.web.providers.cleaning import clean_results
from retrieval.web.providers.protocol import Found, ShouldStop, found

_JSON_OFF = Found(
    "misconfigured",
    why="it answered with status 403, as it does while its JSON form is off",
    fix="add `json` to `search.formats` in its settings.yml, or allow this machine in its limiter.",
)
_KEPT_OUT = ("captcha", "denied", "suspended", "too many", "blocked", "forbidden", "429", "403")


class SearxNg:
    """Searches through one SearXNG at `base`."""

    name = "searxng"

    def __init__(self, api: Api, base: str, user_agent: str) -> None:
        self._api, self._base = api, base.rstrip("/") + "/"
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        """See `SearchProvider`."""
        address = urljoin(self._base, "search") + "?" + urlencode({"q": query, "format": "json"})
        reply = ask_json(
            self._api,
            Request(address, self._headers),
            deadline=deadline,
            should_stop=should_stop,
            meanings={403: _JSON_OFF},
        )
        if isinstance(reply, Found):
            return reply
        rows = reply.get("results")
        if not isinstance(rows, list):
            return Found("unreachable", why="the answer is not one of SearXNG")
        results = clean_results(
            rows, limit, url="url", title="title", snippet="content", date="publishedDate"
        )
        return found(results) if results else _without(reply.get("unresponsive_engines"))


def _without(engines: Any) -> Found:
    """Tell engines that found nothing from engines that would not look."""
    if not isinstance(engines, list) or not engines:
        return found(())
    told = [" ".join(str(part) for part in row) for row in engines if isinstance(row, list)]
    said = "; ".join(told)[:200]
    if any(word in said.lower() for word in _KEPT_OUT):
        return Found("blocked", why=f"its engines are kept out: {said}")
    return Found("unreachable", why=f"its engines do not answer: {said}")
