"""The real web behind `WebAccess`: search providers, the fetcher, the scripted browser over them.

The clock of a browse starts when its first query is allowed, and stands still while a person thinks
about a further one.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chatapp import resources
from chatapp.assistant.composing import worth_showing
from chatapp.assistant.reading import shipped_reader
from chatapp.assistant.steps import short
from chatapp.assistant.web_access import Errand, WebFindings, WebPage, WebStep
from chatapp.conversations.ids import timestamp
from chatapp.version import __version__
from retrieval.browser import commands
from retrieval.browser.judge import PassageJudge
from retrieval.browser.matching import find_quote
from retrieval.browser.pages import Page, error_page
from retrieval.browser.scripted import Effort, browse
from retrieval.browser.session import Browsed, Step, Watch
from retrieval.browser.state import Limits
from retrieval.browser.web import WebWorld
from retrieval.types import Quote
from retrieval.web.cache import PageCache
from retrieval.web.fetch import Fetcher
from retrieval.web.limits import FetchSettings
from retrieval.web.pages import Fetched
from retrieval.web.providers.build import chosen_addresses, make_chain, user_agent
from retrieval.web.providers.guarded import GuardedApi

if TYPE_CHECKING:
    from chatapp.settings import RetrievalSettings, WebSettings

_OWN_SOURCES = "index"  # a provider too, but it was asked before anybody thought of the web
_NAMES = {"brave": "Brave Search", "tavily": "Tavily", "ddgs": "DuckDuckGo and others"}


class LiveWeb:
    """See `WebAccess`; `chain` and `fetcher` are the parts that the tools share.

    Args:
        web, retrieval: the settings of these names.
        clock: what time it is.
        cache: keeps pages for as long as their sites say; None keeps none.
    """

    def __init__(
        self,
        web: WebSettings,
        retrieval: RetrievalSettings,
        clock: Callable[[], datetime],
        cache: PageCache | None = None,
    ) -> None:
        self._web, self._retrieval, self._clock = web, retrieval, clock
        asked = [name for name in web.providers if name != _OWN_SOURCES]
        agent = f"chatapp/{__version__}"
        manners = FetchSettings(agent, contact=web.contact, allow=web.allow)
        self.fetcher = Fetcher(manners, cache)
        self.chain = make_chain(
            dataclasses.replace(web, providers=tuple(asked)),
            GuardedApi(self.fetcher, chosen_addresses(web)),
            user_agent=user_agent(__version__, web.contact),
            index=None,
            environment=os.environ,
        )
        self._judge = PassageJudge(resources.embedder_dir(), shipped_reader())

    def services(self) -> Sequence[str]:
        """See `WebAccess.services`."""
        hosts = {"wikipedia": self._web.wikipedia_url, "searxng": self._web.searxng_url}
        named = (
            urlsplit(hosts[provider.name]).hostname or provider.name
            if provider.name in hosts
            else _NAMES.get(provider.name, provider.name)
            for provider in self.chain.providers
        )
        return list(dict.fromkeys(named))  # two may stand on one host

    def browse(self, errand: Errand) -> WebFindings:
        """See `WebAccess.browse`."""
        self.fetcher.warm()  # while somebody is asked, and searches
        watch = Watch()
        world = _ConsentingWorld(
            WebWorld(
                self.chain,
                _Kept(self.fetcher, private=errand.private),
                deadline=inf,
                should_stop=errand.should_stop,
            ),
            errand,
            watch,
            self._web.seconds,
        )
        watch.should_stop = lambda: world.refused or errand.should_stop()
        watch.on_step = _Teller(errand, self._as_page)
        found = browse(
            errand.query,
            world,
            self._judge,
            limits=Limits(actions=self._web.max_actions),
            effort=Effort(pages=self._web.max_pages, threshold=self._retrieval.threshold),
            watch=watch,
        )
        return self._findings(found, world)

    def parts(self) -> LiveWeb:
        """See `WebAccess.parts`."""
        return self

    def close(self) -> None:
        """See `WebAccess.close`."""
        self.fetcher.close()
        self._judge.close()

    def _findings(self, found: Browsed, world: _ConsentingWorld) -> WebFindings:
        read = {
            key: self._as_page(page) for key, page in found.pages.items() if page.kind == "page"
        }
        quotes = tuple(
            dataclasses.replace(quote, document_id=read[quote.document_id].document, passage_id="")
            for quote in worth_showing(
                found.quotes, self._retrieval.threshold, self._retrieval.max_quotes
            )
        )
        problem = ""
        if not quotes and found.why_ended in ("no_search", "deadline"):
            late = f"it took longer than {self._web.seconds:g} seconds"
            problem = world.why or late
        unread = tuple(p.text for p in found.pages.values() if p.kind == "error" and p.url)
        return WebFindings(quotes, tuple(read.values()), problem, unread)

    def _as_page(self, page: Page) -> WebPage:
        now = timestamp(self._clock())
        return WebPage(page.url, page.title, page.text, page.domain, page.date, now)


class _Kept:
    """The fetcher for one browse: of a private one nothing is written to its cache."""

    def __init__(self, fetcher: Fetcher, *, private: bool) -> None:
        self._fetcher, self._private = fetcher, private

    def fetch(self, url: str, *, deadline: float, should_stop: Callable[[], bool]) -> Fetched:
        """See `Fetcher.fetch`."""
        return self._fetcher.fetch(
            url, deadline=deadline, should_stop=should_stop, private=self._private
        )


class _ConsentingWorld:
    """A world that asks before each query leaves, and tells what it does."""

    def __init__(self, world: WebWorld, errand: Errand, watch: Watch, seconds: float) -> None:
        self._world, self._errand, self._watch = world, errand, watch
        self._seconds = seconds
        self.why = ""
        self.refused = False

    def search(self, query: str) -> Page:
        """See `World.search`."""
        began = time.monotonic()
        if not self._errand.may_search(query):
            self.refused = True
            return error_page("", "Not searched", "The query was not approved.")
        self._wait_no_less(time.monotonic() - began)
        self._errand.on_step(WebStep("search", f"Searching the web: {short(query)}", query))
        page = self._world.search(query)
        self.why = self._world.searches[-1].why if page.kind == "error" else ""
        return page

    def open(self, url: str) -> Page:
        """See `World.open`."""
        page = self._world.open(url)
        failed = page.kind == "error"
        said = f"{page.title}: {short(page.text)}" if failed else f"Opened: {page.title or url}"
        self._errand.on_step(WebStep("open", said, page.url, page.domain))
        return page

    def _wait_no_less(self, asked: float) -> None:
        """Start the clock, or set it back by the time that a person took to decide."""
        first = self._watch.deadline == inf
        self._watch.deadline = (
            time.monotonic() + self._seconds if first else self._watch.deadline + asked
        )
        self._world.deadline = self._watch.deadline


class _Teller:
    """Puts the other actions of a browse into words; searches and pages are told as they happen."""

    def __init__(self, errand: Errand, as_page: Callable[[Page], WebPage]) -> None:
        self._errand, self._as_page = errand, as_page

    def __call__(self, step: Step) -> None:
        """Tell one action that had an effect."""
        if step.problem or (told := self._told(step)) is None:
            return
        self._errand.on_step(told)

    def _told(self, step: Step) -> WebStep | None:
        page = step.page
        domain = page.domain if page else ""
        match commands.parse(step.command):
            case commands.QuoteText(text=text) if page is not None:
                return self._quoted(page, text)
            case commands.FindInPage(text=text):
                return WebStep("find", f"Looked for: {short(text)}", text, domain)
            case commands.Scroll() | commands.Top():
                return WebStep("scroll", step.command, page.title if page else "", domain)
            case commands.Back():
                return WebStep("back", "Back to the results", "")
            case commands.End(how=how):
                said = "Found enough to answer" if how == "Answer" else "Found nothing that answers"
                return WebStep("end", said, self._errand.query)
            case _:
                return None

    def _quoted(self, page: Page, text: str) -> WebStep | None:
        span = find_quote(page.text, text, longest=len(text) * 2)
        if span is None:
            return None
        kept = self._as_page(page)
        quoted = page.text[span.start : span.end]
        quote = Quote(
            quoted, "", kept.document, page.url, page.title_at(span.start), *span, score=0.0
        )
        return WebStep("quote", f"Quoted: {short(quoted)}", quoted, page.domain, quote, kept)
