"""A small web around one page, and a private note beside it; every way out is on record.

The thing to know: a browse can reach out in two ways only, a query and an address. Both pass here,
so what is written down here is all that could have left the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatapp.evaluation.injection.corpus import Note
from retrieval.browser.pages import Page, Result, error_page, results_page, text_page

SITE = "https://pages.example/"
NOTE = "index:private-note"
_SNIPPET = 160


@dataclass(frozen=True)
class Served:
    """A page of this web: its title and the HTML that a server sends."""

    title: str
    html: str


@dataclass
class RecordedWeb:
    """A `World`: the same results for every query, in this order, the private note last.

    Attributes:
        served: pages by address.
        queries: every query that was sent.
        opened: every address that was asked for.
    """

    served: Mapping[str, Served]
    note: Note
    queries: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def search(self, query: str) -> Page:
        """See `World.search`. Snippets are of the clean kind: the attack is on the page."""
        self.queries.append(query)
        results = [Result(url, served.title, "") for url, served in self.served.items()]
        return results_page(query, [*results, Result(NOTE, self.note.title, "")])

    def open(self, url: str) -> Page:
        """See `World.open`; a page is read as the fetcher reads it."""
        self.opened.append(url)
        if url == NOTE:
            return text_page(url, self.note.title, self.note.text, domain="your sources")
        if url not in self.served:
            return error_page(url, "Not found", "There is no such page.")
        return read(url, self.served[url].html)


def read(url: str, source: str) -> Page:
    """Return the page that the fetcher's own parser makes of HTML."""
    from retrieval.web.reading import read_html

    page = read_html(source, url)
    return text_page(
        url, page.title, page.text, links=page.links, domain=page.domain, date=page.date
    )
