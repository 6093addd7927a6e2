"""The child process of `retrieval.web.providers.ddgs`: one search, and then it ends.

It reads {"query", "limit", "seconds"} on stdin and prints {"status", "results", "why"}. ddgs itself
says "No results found." for engines that found nothing and for engines that sent a CAPTCHA alike;
the answers that pass through its client are therefore watched here, in this process alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from retrieval.web.providers.api import wants_a_human

# Engines that answer keyless requests; Wikipedia is asked by a provider of its own.
ENGINES = "duckduckgo,brave,mojeek,yahoo"
_LATER = (202, 429)
_LONGEST = 10  # seconds that one engine may take
_MEMORY_BYTES = 2 << 30


class Watched:
    """What the engines answered: how many did, and how many wanted something else first."""

    def __init__(self, request: Callable[..., Any]) -> None:
        self._request = request
        self.answers = self.blocked = self.later = 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Make the request and count what came."""
        reply = self._request(*arguments, **options)
        self.answers += 1
        if reply.status_code in _LATER:
            self.later += 1
        elif reply.status_code == 403 or wants_a_human(reply.text):
            self.blocked += 1
        return reply

    def verdict(self) -> tuple[str, str]:
        """Return status and words for a search that gave no result."""
        if self.later:
            return "rate_limited", f"{self.later} of {self.answers} engines want to be asked later"
        if self.blocked:
            return "blocked", f"{self.blocked} of {self.answers} engines want to see a human"
        if self.answers == 0:
            return "unreachable", "no engine answered"
        return "none", "nothing was found"


def search(
    query: str, limit: int, seconds: float, *, engines: str = ENGINES, proxy: str | None = None
) -> dict[str, object]:
    """Return the reply for one query; `proxy` is given by tests, so that nothing leaves."""
    try:
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException
        from ddgs.http_client import HttpClient
    except ImportError:
        return _reply("misconfigured", why="the library ddgs is not installed: pip install ddgs")
    original = HttpClient.request
    watched = Watched(original)

    def request(client: HttpClient, *arguments: Any, **options: Any) -> Any:
        return watched(client, *arguments, **options)

    setattr(HttpClient, "request", request)  # noqa: B010 - no type has a method that is replaced
    timeout = max(1, min(_LONGEST, int(seconds)))
    try:
        rows = DDGS(proxy=proxy, timeout=timeout).text(query, max_results=limit, backend=engines)
    except DDGSException:
        status, why = watched.verdict()
        return _reply(status, why=why)
    finally:
        setattr(HttpClient, "request", original)  # noqa: B010
    return _reply("ok", rows)


def _reply(status: str, results: object = (), why: str = "") -> dict[str, object]:
    return {"status": status, "results": results, "why": why}


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has no rlimits; the parent's deadline still holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer the one question on stdin."""
    _limit_resources()
    wanted = json.load(sys.stdin)
    print(json.dumps(search(wanted["query"], wanted["limit"], wanted["seconds"])))


if __name__ == "__main__":
    main()
