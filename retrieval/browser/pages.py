"""A page as the browser holds it: clean text, its links as offsets, and screens of it.

The thing to know: `text` is stored as it came from the sanitiser. Characters that could forge the
browser's own marks are replaced one for one only where text is shown, so an offset means the same
place in what is shown and in what is stored.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

from retrieval.text import sanitize_text, sanitize_title
from retrieval.web.pages import PageLink
from retrieval.web.urls import BadUrl, parse, shown_domain

Kind = Literal["page", "results", "error"]


@dataclass(frozen=True)
class Result:
    """One result of a search, as it is put on a page of results."""

    url: str
    title: str
    snippet: str


@dataclass(frozen=True)
class Page:
    """What was opened: a page, the results of a search, or why there is nothing to see.

    `date` is ISO 8601 or "" where unknown. Links lie in order and do not overlap. `pages` are the
    offsets at which the pages of a PDF begin; others have none.
    """

    kind: Kind
    url: str
    title: str
    domain: str
    text: str
    links: tuple[PageLink, ...] = ()
    date: str = ""
    pages: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """A hash of all the page holds; a quote names its page by it."""
        return _page_id(self)

    def to_json(self) -> dict[str, Any]:
        """Return the page as JSON can hold it."""
        fields = asdict(self)
        if not self.pages:
            del fields["pages"]  # as it was before there were any: ids and traces stay
        return fields

    def title_at(self, place: int) -> str:
        """Return the title, with the page number that offset `place` of a PDF stands on."""
        if not self.pages:
            return self.title
        return f"{self.title}, page {max(1, bisect_right(self.pages, place))}"

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Page:
        """Make a page of what `to_json` returned."""
        links = tuple(PageLink(**link) for link in fields["links"])
        return cls(**{**fields, "links": links, "pages": tuple(fields.get("pages", ()))})


@lru_cache(maxsize=256)
def _page_id(page: Page) -> str:
    written = json.dumps(page.to_json(), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def text_page(
    url: str,
    title: str,
    text: str,
    *,
    links: Sequence[PageLink] = (),
    domain: str = "",
    date: str = "",
    pages: Sequence[int] = (),
) -> Page:
    """Return a page of clean `text`.

    A text that is not clean is cleaned, and then its links and pages, whose offsets would no longer
    hold, are left out. So are links that are empty or overlap.
    """
    clean = sanitize_text(text)
    kept: list[PageLink] = []
    in_order = sorted(links, key=lambda link: (link.start, link.end)) if clean == text else []
    for link in in_order:
        if (kept[-1].end if kept else 0) <= link.start < link.end <= len(text):
            kept.append(link)
    begins = tuple(pages) if clean == text else ()
    domain = domain or domain_of(url)
    return Page("page", url, sanitize_title(title), domain, clean, tuple(kept), date, begins)


def results_page(query: str, results: Sequence[Result]) -> Page:
    """Return the page of a search, titled as WebGPT titles it."""
    parts: list[str] = []
    links: list[PageLink] = []
    place = 0
    for result in results:
        title = sanitize_title(result.title) or sanitize_title(result.url) or "(no title)"
        snippet = " ".join(sanitize_text(result.snippet).split())
        links.append(PageLink(place, place + len(title), result.url, domain_of(result.url)))
        parts.append(f"{title}\n{snippet}" if snippet else title)
        place += len(parts[-1]) + 2
    text = "\n\n".join(parts) or "No results."
    return Page("results", "", f"Search results for: {query}", "", text, tuple(links))


def error_page(url: str, title: str, message: str) -> Page:
    """Return a page that says why there is none; a policy reads it and goes back."""
    return Page("error", url, sanitize_title(title), domain_of(url), sanitize_text(message))


def domain_of(url: str) -> str:
    """Return who owns an address, as it may be shown; "" for what is no address of the web."""
    try:
        return shown_domain(parse(url))
    except BadUrl:
        return ""


_LEAST_SHARE = 0.6  # a screen ends at the last good place in its last two fifths


@lru_cache(maxsize=512)
def screens(text: str, size: int) -> tuple[tuple[int, int], ...]:
    """Cut `text` into screens of at most `size` characters that follow each other without a gap.

    They end behind a paragraph, a line, a sentence or a word, whichever comes first in this order.
    """
    cuts: list[tuple[int, int]] = []
    start = 0
    while len(text) - start > size:
        end = _good_end(text, start + int(_LEAST_SHARE * size), start + size)
        cuts.append((start, end))
        start = end
    return (*cuts, (start, len(text)))


def _good_end(text: str, earliest: int, latest: int) -> int:
    for mark in ("\n\n", "\n", ". ", " "):
        place = text.rfind(mark, earliest, latest)
        if place >= 0:
            return place + len(mark)
    return max(latest, earliest + 1)
