"""The scripted policy: search, open the best, quote what supports an answer, look further, end.

It speaks the same commands as a learned one, so traces, displays and tests know one grammar. What
a page says cannot change the order of its actions: page text decides only which sentence is quoted
and, through what was quoted, the one further search.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.browser.commands import (
    Back,
    ClickLink,
    End,
    QuoteText,
    Search,
)
from retrieval.browser.judge import Judge
from retrieval.browser.marks import neutral
from retrieval.browser.moving import way_to
from retrieval.browser.pages import Page
from retrieval.browser.queries import first_queries, next_query
from retrieval.browser.ranking import best_first
from retrieval.browser.session import Browsed, Halted, Session, Watch, Why
from retrieval.browser.state import Limits, State
from retrieval.browser.world import World
from retrieval.quotes import DEFAULT_THRESHOLD
from retrieval.types import Quote


@dataclass(frozen=True)
class Effort:
    """How far the policy looks.

    Attributes:
        pages: opened at most for a search.
        searches: the first, and those that follow what was found.
        quotes: taken from a page at most.
        threshold: support from which a sentence is quoted.
        sources: pages that are enough once one is sure; two show sources that disagree.
        sure: support from which one is.
    """

    pages: int = 3
    sources: int = 2
    searches: int = 2
    quotes: int = 2
    threshold: float = DEFAULT_THRESHOLD
    sure: float = 0.5


def browse(
    question: str,
    world: World,
    judge: Judge,
    *,
    query: str = "",
    limits: Limits | None = None,
    effort: Effort | None = None,
    watch: Watch | None = None,
) -> Browsed:
    """Look for an answer to `question`.

    Args:
        query: what to search for first, where the question itself would not do.
        limits: of actions and references.
        watch: a deadline, a way to stop it, and who is told of each action.

    Returns:
        quotes with their support, the pages, and the trace; whatever ended it.
    """
    session = Session(question, world, limits, watch)
    policy = _Scripted(session, judge, query, effort or Effort())
    try:
        why = policy.run()
    except Halted as halted:
        why = halted.why
    try:
        return session.finish(why, judge.weigh(session.state.question, _MANY), policy.found)
    finally:
        judge.forget()


class _Scripted:
    """The policy at work on one question."""

    def __init__(self, session: Session, judge: Judge, query: str, effort: Effort) -> None:
        self._session, self._judge, self._effort = session, judge, effort
        self._query, self._question = query, session.state.question
        self._opened: set[str] = set()
        self.found: list[Quote] = []  # also what is below the threshold

    def run(self) -> Why:
        """Search as often as it takes and as it may, then end."""
        results = self._search_first()
        if results.kind == "error":
            return self._end("no_search")
        self._read_results(results)
        for _ in range(self._effort.searches - 1):
            query = "" if self._settled() else next_query(self._question, self.found)
            if not query:
                break
            self._read_results(_page(self._session.do(Search(query))))
        return self._end("nothing_found")

    def _search_first(self) -> Page:
        """Search for the question, in fewer words where nothing is found."""
        queries = [self._query] if self._query else first_queries(self._question)
        for query in queries:
            page = _page(self._session.do(Search(query)))
            if page.links or page.kind == "error":
                break
        return page

    def _end(self, otherwise: Why) -> Why:
        """End with the command that says how it went; a refusal is WebGPT's `End: Nonsense`."""
        quoted = bool(self._session.state.quotes)
        self._session.do(End("Answer" if quoted else "Nonsense"))
        return "answered" if quoted else otherwise

    def _read_results(self, results: Page) -> None:
        opened = 0
        for link in best_first(self._question, results):
            if results.links[link].url in self._opened:
                continue
            if opened >= self._effort.pages or (opened and self._settled()):
                return
            self._opened.add(results.links[link].url)
            opened += 1
            self._read(_page(self._session.do(ClickLink(link))))
            self._session.do(Back())

    def _read(self, page: Page) -> None:
        """Quote what supports an answer, in the order of the page."""
        found = self._judge.quotes(
            self._question, page, most=self._effort.quotes, threshold=_HINT * self._effort.threshold
        )
        self.found += found
        worth = [quote for quote in found if quote.score >= self._effort.threshold]
        for quote in sorted(worth, key=lambda quote: quote.start):
            self._quote(page, quote)

    def _quote(self, page: Page, quote: Quote) -> None:
        for command in way_to(self._session.state, quote.start):
            self._session.do(command)
        text = neutral(page.text[quote.start : quote.end])
        self._session.do(QuoteText(" ".join(text.split())))

    def _settled(self) -> bool:
        """Say whether more pages would add little: one is sure, and another was read beside it."""
        best = max((quote.score for quote in self.found), default=0.0)
        return best >= self._effort.sure and len(self._opened) >= self._effort.sources


_MANY = 20  # sentences of all pages that are weighed against each other at the end
_HINT = 1 / 3  # of the threshold: enough to name what to search for next, not to be quoted


def _page(state: State) -> Page:
    return state.views[-1].page
