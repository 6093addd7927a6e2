"""What an answer asks of the web: find quotes for a question, telling every step of it.

The thing to know: pages are in no index. The text of a page that is quoted is kept with the answer
under the name that its citations use, so each of them can be checked and shown at any time, also
offline and after the page has changed; it is removed with the conversation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

from chatapp.assistant.events.tools import BrowseAction
from chatapp.conversations import ConversationStore, Part
from retrieval.types import Document, Quote

if TYPE_CHECKING:
    from tools.live_web import WebParts

PREFIX = "web:"
_KEY_DIGITS = 32


@dataclass(frozen=True)
class WebPage:
    """A page as it was read: `date` is when it says it is from, `fetched_at` when that was."""

    url: str
    title: str
    text: str
    domain: str
    date: str = ""
    fetched_at: str = ""

    @property
    def document(self) -> str:
        """Return the name that citations use: the same address and text give the same name."""
        digest = hashlib.sha256(f"{self.url}\n{self.text}".encode()).hexdigest()
        return PREFIX + digest[:_KEY_DIGITS]


@dataclass(frozen=True)
class WebStep:
    """One action of browsing, as a person reads it; a quote comes with the page it stands in."""

    action: BrowseAction
    text: str
    detail: str
    domain: str = ""
    quote: Quote | None = None
    page: WebPage | None = None


@dataclass(frozen=True)
class WebFindings:
    """What browsing came to: quotes best first, the pages that were read, and what hindered it.

    `quotes` name their page by its `document`; `problem` is why nothing could be searched or read,
    empty where the web simply does not say; `unread` is why, for each page that was not to be had.
    """

    quotes: tuple[Quote, ...] = ()
    pages: tuple[WebPage, ...] = ()
    problem: str = ""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Errand:
    """What to look for, and how to stay in touch with who asked.

    Attributes:
        query: what to look for: the question, with what it leaves out of an earlier one.
        may_search: asked with each query before it leaves; False keeps it here.
        on_step: told every action as it happens.
        should_stop: true once nobody waits any more.
        private: nothing of it may be kept outside of the conversation.
    """

    query: str
    may_search: Callable[[str], bool]
    on_step: Callable[[WebStep], None]
    should_stop: Callable[[], bool]
    private: bool = False


class WebAccess(Protocol):
    """Searches and reads the web. Blocking; used in one thread."""

    def services(self) -> Sequence[str]:
        """Return who gets a query, by name; none where no search is set up."""
        ...

    def browse(self, errand: Errand) -> WebFindings:
        """Look for an answer within the time that the settings give; never raises for the web."""
        ...

    def parts(self) -> WebParts:
        """Return search and fetcher for the tools, which share what was learnt of providers."""
        ...

    def close(self) -> None:
        """Give up what is held open."""
        ...


def page_part(page: WebPage) -> Part:
    """Return the form in which an answer keeps a page; search in conversations passes it over."""
    fields = asdict(page)
    return Part("page", {"document": page.document, "content": fields.pop("text"), **fields})


def kept_page(store: ConversationStore, document: str) -> Document:
    """Return a quoted page as it was read. Raises NotFound."""
    data = store.quoted_page(document).data
    url, title, text = (str(data.get(name, "")) for name in ("url", "title", "content"))
    return Document(document, url, title, text, "web")
