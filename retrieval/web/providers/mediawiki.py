"""Wikipedia, or any MediaWiki, through its documented search API: no key, and politely.

https://www.mediawiki.org/wiki/API:Search and https://www.mediawiki.org/wiki/API:Etiquette: one
request at a time, a `User-Agent` that names the program and how to reach whoever runs it, and
`maxlag`, which lets busy servers send us away.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode, urljoin

from retrieval.web.http import Request
from retrieval.web.providers.api import Api, ask_json
from retrieval.web.providers.cleaning import clean_results
from retrieval.web.providers.protocol import Found, ShouldStop, WebResult, found

_MAX_QUERY = 300  # characters; CirrusSearch refuses longer ones
_MAX_LAG = 5  # seconds that the servers may lag behind before we stand back
_OPERATORS = re.compile(r"[\"*?~!\\/:()\[\]{}<>|&^]|(?<!\w)-")
_ASKING_WORDS = """
a an and are as at by did do does for from had has have how in is it its many much of on or the to
was were what when where which who whom whose why will with
"""
_ASKS = frozenset(_ASKING_WORDS.split())
_BUSY = ("ratelimited", "maxlag", "readonly")


class MediaWiki:
    """Searches one wiki.

    Args:
        base: address of the wiki, such as `https://en.wikipedia.org`.
        user_agent: says who asks; see the module.
    """

    name = "wikipedia"

    def __init__(self, api: Api, base: str, user_agent: str) -> None:
        self._api, self._base = api, base.rstrip("/") + "/"
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        """See `SearchProvider`. A question no page has all words of is asked again by any of them.

        The wiki wants every word on a page, and few pages hold every word of a question.
        """
        words = _OPERATORS.sub(" ", query[:_MAX_QUERY]).split()
        telling = [word for word in words if word.casefold().strip(".,;") not in _ASKS]
        outcome = Found("none", why="the query has no words")
        for text in dict.fromkeys([" ".join(telling), " OR ".join(telling)]):
            if text:
                outcome = self._ask(text[:_MAX_QUERY], limit, deadline, should_stop)
            if outcome.status != "none":
                break
        return outcome

    def _ask(self, text: str, limit: int, deadline: float, should_stop: ShouldStop) -> Found:
        parameters = {
            "action": "query",
            "list": "search",
            "srsearch": text,
            "srlimit": min(limit, 50),
            "srprop": "snippet|timestamp",
            "meta": "siteinfo",
            "siprop": "general",
            "maxlag": _MAX_LAG,
            "format": "json",
            "formatversion": 2,
        }
        address = urljoin(self._base, "w/api.php") + "?" + urlencode(parameters)
        reply = ask_json(
            self._api,
            Request(address, self._headers),
            deadline=deadline,
            should_stop=should_stop,
            meanings={},
        )
        if isinstance(reply, Found):
            return reply
        if "error" in reply:
            return _refused(reply["error"])
        try:
            return found(self._results(reply["query"], limit))
        except (KeyError, TypeError, AttributeError):
            return Found("unreachable", why="the answer is not one of MediaWiki's search")

    def _results(self, query: dict[str, Any], limit: int) -> tuple[WebResult, ...]:
        path = query["general"]["articlepath"]
        rows = [{**row, "url": self._address(path, row["title"])} for row in query["search"]]
        return clean_results(
            rows, limit, url="url", title="title", snippet="snippet", date="timestamp"
        )

    def _address(self, path: str, title: str) -> str:
        return urljoin(self._base, path.replace("$1", quote(title.replace(" ", "_"))))


def _refused(error: Any) -> Found:
    """Return what MediaWiki's own error means; it comes with status 200."""
    code = error.get("code", "") if isinstance(error, dict) else ""
    said = f"the wiki answered with the error {str(code)[:40] or 'without a name'}"
    if code in _BUSY:
        return Found("rate_limited", why=said)
    return Found("unreachable", why=said)
