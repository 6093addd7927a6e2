"""The web as a world to browse: search providers find, the fetcher reads, and faults become pages.

The thing to know: an address is opened only if a result or a link has shown it. Whatever a policy
or a model comes up with, it cannot make this machine call a place of its own choosing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from retrieval.browser.pages import Page, Result, error_page, results_page, text_page
from retrieval.errors import NotInIndex
from retrieval.types import Document
from retrieval.web.pages import Fetched
from retrieval.web.providers.chain import ProviderChain, Searched
from retrieval.web.providers.local import document_of

MOST_RESULTS = 6


class Fetches(Protocol):
    """What of `retrieval.web.fetch.Fetcher` a browse needs."""

    def fetch(self, url: str, *, deadline: float, should_stop: Callable[[], bool]) -> Fetched:
        """Return the page, or the problem with it."""
        ...


class Documents(Protocol):
    """What of an index a browse needs, where its documents are among the results."""

    def document(self, document_id: str) -> Document:
        """Return a document by id, or raise `NotInIndex`."""
        ...


class WebWorld:
    """A `World` for one browse.

    Args:
        chain: who is asked.
        fetcher: who reads.
        deadline: moment of `time.monotonic()` at which everything has ended; it may be moved.
        should_stop: asked often; once it says yes, whatever is going on ends.
        index: documents of results that stand in the person's own index.
        page_seconds: longest time for one page.
    """

    def __init__(
        self,
        chain: ProviderChain,
        fetcher: Fetches,
        *,
        deadline: float,
        should_stop: Callable[[], bool] = lambda: False,
        index: Documents | None = None,
        page_seconds: float = 15.0,
    ) -> None:
        self._chain, self._fetcher, self._index = chain, fetcher, index
        self.deadline, self._should_stop = deadline, should_stop
        self._page_seconds = page_seconds
        self._shown: set[str] = set()
        self.searches: list[Searched] = []

    def search(self, query: str) -> Page:
        """See `World.search`; that nobody would look is an error page, no empty page of results."""
        found = self._chain.search(
            query, MOST_RESULTS, deadline=self.deadline, should_stop=self._should_stop
        )
        self.searches.append(found)
        if found.status not in ("ok", "none"):
            return error_page("", "The web could not be searched", found.why or "no provider")
        results = [Result(r.url, r.title, r.snippet) for r in found.results]
        return self._noted(results_page(query, results))

    def open(self, url: str) -> Page:
        """See `World.open`."""
        if url not in self._shown:
            return error_page(url, "Not opened", "No result and no link has shown this address.")
        document = document_of(url)
        if document is not None:
            return self._own(url, document)
        left = self.deadline - time.monotonic()
        if left <= 0:
            return error_page(url, "Not opened", "There was no time left.")
        fetched = self._fetcher.fetch(
            url, deadline=min(left, self._page_seconds), should_stop=self._should_stop
        )
        return self._noted(_page(fetched))

    def _own(self, url: str, document_id: str) -> Page:
        try:
            if self._index is not None:
                document = self._index.document(document_id)
                return text_page(url, document.title, document.text, domain="your sources")
        except NotInIndex:
            pass
        return error_page(url, "Not found", "The index does not hold this document any more.")

    def _noted(self, page: Page) -> Page:
        self._shown.update(link.url for link in page.links)
        return page


def _page(fetched: Fetched) -> Page:
    if fetched.page is None:
        problem = fetched.problem
        assert problem is not None, "a fetch gives a page or a problem"
        return error_page(fetched.url, "The page could not be read", problem.message)
    page = fetched.page
    return text_page(
        fetched.final_url,
        page.title,
        page.text,
        links=page.links,
        domain=page.domain,
        date=page.date,
        pages=page.pages,
    )
