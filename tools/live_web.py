"""The web behind the tools: the search providers and the fetcher that answers use too.

A failure is told in words: that nobody would look is another thing than that nothing was found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from tools.protocol import ToolContext, ToolError
from tools.web import WebPage, WebResult

if TYPE_CHECKING:
    from retrieval.web.fetch import Fetcher
    from retrieval.web.providers.chain import ProviderChain


class WebParts(Protocol):
    """What searches and what fetches."""

    chain: ProviderChain
    fetcher: Fetcher


class ToolWeb:
    """See `tools.web.Web`; `open_parts` is called in any thread when a tool first needs them."""

    def __init__(self, open_parts: Callable[[], WebParts]) -> None:
        self._open_parts = open_parts

    def search(self, query: str, limit: int, context: ToolContext) -> Sequence[WebResult]:
        """See `Web.search`."""
        found = self._open_parts().chain.search(
            query,
            limit,
            deadline=time.monotonic() + context.remaining(),
            should_stop=context.stop.is_set,
        )
        if found.status not in ("ok", "none"):
            raise ToolError(f"The web could not be searched: {found.why or 'nobody is set up'}.")
        return [WebResult(result.url, result.title, result.snippet) for result in found.results]

    def open(self, result: WebResult, context: ToolContext) -> WebPage:
        """See `Web.open`."""
        fetched = self._open_parts().fetcher.fetch(
            result.url,
            deadline=context.remaining(),
            should_stop=context.stop.is_set,
            private=context.private,
        )
        if fetched.page is None:
            why = fetched.problem.message if fetched.problem else "nothing came"
            raise ToolError(f"{result.url} could not be read: {why}.")
        return WebPage(fetched.final_url, fetched.page.title or result.title, fetched.page.text)
