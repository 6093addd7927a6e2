"""Brave Search and Tavily: providers that ask for a key.

The keys come from the environment; they stand in one header each, in no address, no error and no
log. https://api-dashboard.search.brave.com/documentation and https://docs.tavily.com.
"""

from __future__ import annotations

from urllib.parse import urlencode

from retrieval.web.http import Request
from retrieval.web.providers.api import Api, ask_json
from retrieval.web.providers.cleaning import clean_results
from retrieval.web.providers.protocol import Found, ShouldStop, found

BRAVE = "https://api.search.brave.com"
TAVILY = "https://api.tavily.com"
_MOST_BRAVE = 20  # results that one request may ask for
_MAX_QUERY = 400  # characters; both refuse longer ones


class Brave:
    """Searches with Brave's own index; `base` is another address in tests."""

    name = "brave"

    def __init__(self, api: Api, key: str, key_env: str, base: str = BRAVE) -> None:
        self._api, self._base = api, base
        self._no_key = _no_key(key, key_env)
        self._headers = {"X-Subscription-Token": key, "Accept": "application/json"}
        # Brave answers 422 to a key that it does not know.
        self._meanings = dict.fromkeys((401, 403, 422), _wrong_key("Brave", key_env))

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        """See `SearchProvider`."""
        if self._no_key:
            return self._no_key
        asked = urlencode({"q": query[:_MAX_QUERY], "count": min(limit, _MOST_BRAVE)})
        reply = ask_json(
            self._api,
            Request(f"{self._base}/res/v1/web/search?{asked}", self._headers),
            deadline=deadline,
            should_stop=should_stop,
            meanings=self._meanings,
        )
        if isinstance(reply, Found):
            return reply
        web = reply.get("web")
        rows = web.get("results") if isinstance(web, dict) else None
        return found(
            clean_results(
                rows, limit, url="url", title="title", snippet="description", date="page_age"
            )
        )


class Tavily:
    """Searches with Tavily; `base` is another address in tests."""

    name = "tavily"

    def __init__(self, api: Api, key: str, key_env: str, base: str = TAVILY) -> None:
        self._api, self._base = api, base
        self._no_key = _no_key(key, key_env)
        self._headers = {"Authorization": f"Bearer {key}"}
        spent = Found("rate_limited", why="the plan of this key is used up")
        self._meanings = {401: _wrong_key("Tavily", key_env), 432: spent, 433: spent}

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        """See `SearchProvider`."""
        if self._no_key:
            return self._no_key
        body = {"query": query[:_MAX_QUERY], "max_results": min(limit, 20), "search_depth": "basic"}
        reply = ask_json(
            self._api,
            Request(f"{self._base}/search", self._headers, json=body),
            deadline=deadline,
            should_stop=should_stop,
            meanings=self._meanings,
        )
        if isinstance(reply, Found):
            return reply
        rows = reply.get("results")
        if not isinstance(rows, list):
            return Found("unreachable", why="the answer is not one of Tavily's search")
        return found(
            clean_results(
                rows, limit, url="url", title="title", snippet="content", date="published_date"
            )
        )


def _no_key(key: str, key_env: str) -> Found | None:
    """Return what is wrong with a key that no header can hold, such as one with pasted quotes."""
    if key.isascii() and key.isprintable():
        return None
    return Found(
        "misconfigured",
        why="the key has characters that no key has",
        fix=f"set the environment variable {key_env} again, without quotes or line ends.",
    )


def _wrong_key(name: str, key_env: str) -> Found:
    return Found(
        "misconfigured",
        why=f"{name} does not take the key",
        fix=f"put a valid key into the environment variable {key_env}.",
    )
