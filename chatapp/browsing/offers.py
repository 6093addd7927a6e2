"""The few whole commands that are worth considering in a state, with what is known of each.

The thing to know: spelling commands token by token a small model drowns in choices. Here search
engine, ranking and judge have narrowed them down to a handful: rewritten queries, the most fitting
results and links, the best sentences of the page, moving to them, going back, ending. All of them
are valid in `retrieval.browser.step`, so whoever chooses among them cannot waste an action.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from retrieval.browser.commands import Back, ClickLink, Command, End, QuoteText, Search
from retrieval.browser.judge import Judge
from retrieval.browser.marks import neutral
from retrieval.browser.moving import way_to
from retrieval.browser.pages import Page
from retrieval.browser.queries import first_queries, next_query
from retrieval.browser.ranking import best_first, stems_of
from retrieval.browser.state import State, View
from retrieval.types import Quote

Kind = Literal["search", "result", "link", "quote", "move", "back", "answer", "nonsense"]
KINDS: tuple[Kind, ...] = (
    "search", "result", "link", "quote", "move", "back", "answer", "nonsense",
)  # fmt: skip

_RESULTS = 4  # offered of a page of results
_LINKS = 2  # offered of a page
_QUOTES = 3
_PAGES = 5.0  # what counts of pages, quotes and searches are divided by
_SEARCHES = 3.0


@dataclass(frozen=True)
class Offer:
    """A command that may be chosen.

    Attributes:
        score: of a sentence its support, of a link the share of the question's words it says.
        order: 1 for the first of its kind, 1/2 for the second …
        moment: what holds for all offers of one state; see `MOMENT`.
    """

    kind: Kind
    command: str
    score: float = 0.0
    order: float = 1.0
    moment: tuple[float, ...] = ()

    @property
    def numbers(self) -> tuple[float, ...]:
        """All that is known of it but its words, `NUMBERS` values from 0 to about 1."""
        kinds = tuple(float(self.kind == kind) for kind in KINDS)
        return (*kinds, self.score, self.order, *self.moment)


MOMENT = (
    "support of the best quote",
    "support of the best sentence seen",
    "support of the best sentence here that is not quoted",
    "quotes",
    "pages read",
    "searches made",
    "actions left",
    "results are seen",
)
NUMBERS = len(KINDS) + 2 + len(MOMENT)


class Offers:
    """Makes the offers of one browse; `found` are the sentences that the judge liked so far.

    Args:
        judge: reads each page once, when it is first seen.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._judged: dict[str, list[Quote]] = {}
        self._clicked: set[str] = set()

    @property
    def found(self) -> list[Quote]:
        """Every sentence that was considered, with its support."""
        return [quote for quotes in self._judged.values() for quote in quotes]

    def of(self, state: State) -> list[Offer]:
        """Return what may be done next; call it once for each state, in order."""
        view = state.view
        here = self._read(state, view.page) if view else []
        offers = [*self._searches(state)]
        if view is not None and view.page.kind == "results":
            offers += self._results(state, view)
        elif view is not None:
            offers += [*_quotes(state, view, here), *self._links(state, view)]
        offers += _endings(state)
        moment = self._moment(state, here)
        return [replace(offer, moment=moment) for offer in offers]

    def _read(self, state: State, page: Page) -> list[Quote]:
        """Return the best sentences of a page that are not quoted yet."""
        if page.kind != "page":
            return []
        if page.id not in self._judged:
            self._clicked.add(page.url)
            self._judged[page.id] = self._judge.quotes(
                state.question, page, most=_QUOTES, threshold=0.0
            )
        quoted = {(quote.page, quote.text) for quote in state.quotes}
        return [q for q in self._judged[page.id] if (page.id, q.text) not in quoted]

    def _searches(self, state: State) -> Iterator[Offer]:
        queries = first_queries(state.question)
        if state.view is not None:
            queries.append(next_query(state.question, self.found))
        made = {line for line in state.past if line.startswith("Search ")}
        new = [q for q in dict.fromkeys(queries) if q and str(Search(q)) not in made]
        for number, query in enumerate(new, 1):
            yield Offer("search", str(Search(query)), order=1 / number)

    def _results(self, state: State, view: View) -> Iterator[Offer]:
        links = view.page.links
        new = [
            n for n in best_first(state.question, view.page) if links[n].url not in self._clicked
        ]
        for number, link in enumerate(new[:_RESULTS], 1):
            share = _share(state, view.page, link)
            yield Offer("result", str(ClickLink(link)), share, 1 / number)

    def _links(self, state: State, view: View) -> Iterator[Offer]:
        links = view.page.links
        shares = {
            n: _share(state, view.page, n)
            for n, link in enumerate(links)
            if link.url not in self._clicked
        }
        best = sorted((n for n in shares if shares[n]), key=lambda n: -shares[n])
        for number, link in enumerate(best[:_LINKS], 1):
            yield Offer("link", str(ClickLink(link)), shares[link], 1 / number)

    def _moment(self, state: State, here: list[Quote]) -> tuple[float, ...]:
        found = self.found
        quoted = {(quote.page, quote.text) for quote in state.quotes}
        searches = sum(line.startswith("Search ") for line in state.past)
        return (
            max((q.score for q in found if (q.document_id, q.text) in quoted), default=0.0),
            max((q.score for q in found), default=0.0),
            max((q.score for q in here), default=0.0),
            len(state.quotes) / _PAGES,
            len(self._judged) / _PAGES,
            searches / _SEARCHES,
            state.actions_left / state.limits.actions,
            float(state.view is not None and state.view.page.kind == "results"),
        )


def _share(state: State, page: Page, link: int) -> float:
    wanted = stems_of(state.question)
    start, end = page.links[link].start, page.links[link].end
    return len(wanted & stems_of(page.text[start:end])) / max(1, len(wanted))


def _quotes(state: State, view: View, here: list[Quote]) -> Iterator[Offer]:
    """Quote one of the best sentences, or first go where it stands, as a person would."""
    moves: dict[str, Offer] = {}
    for number, quote in enumerate(here, 1):
        text = " ".join(neutral(view.page.text[quote.start : quote.end]).split())
        yield Offer("quote", str(QuoteText(text)), quote.score, 1 / number)
        for command in way_to(state, quote.start)[:1]:
            moves.setdefault(str(command), Offer("move", str(command), quote.score, 1 / number))
    yield from moves.values()


def _endings(state: State) -> Iterator[Offer]:
    if len(state.views) > 1:
        yield Offer("back", str(Back()))
    if state.view is not None:
        answers = bool(state.quotes)
        ending: Command = End("Answer" if answers else "Nonsense")
        yield Offer("answer" if answers else "nonsense", str(ending))
