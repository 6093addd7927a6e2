"""The web as a world: a browse over real HTTP, from the question to quotes that stand on pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp import resources
from retrieval.browser.judge import PassageJudge
from retrieval.browser.scripted import browse
from retrieval.browser.session import Watch
from retrieval.browser.traces import is_faithful
from retrieval.browser.web import WebWorld
from retrieval.index import Index
from retrieval.web.fetch import Fetcher
from retrieval.web.limits import FetchSettings
from retrieval.web.providers.chain import ProviderChain
from retrieval.web.providers.local import LocalIndex
from retrieval.web.providers.mediawiki import MediaWiki
from tests.miniweb import Fault, MiniWeb
from tests.retrieval.providers.asking import api

SECONDS = 60.0  # so generous that only a hang meets it


@pytest.fixture(scope="module")
def judge() -> Iterator[PassageJudge]:
    opened = PassageJudge(resources.embedder_dir())
    yield opened
    opened.close()


@pytest.fixture
def fetcher(web: MiniWeb) -> Iterator[Fetcher]:
    """Reads the mini-web and nothing else that is not public."""
    opened = Fetcher(FetchSettings(allow=(web.base,), delay=0.0))
    yield opened
    opened.close()


def world(web: MiniWeb, fetcher: Fetcher, index: Index | None = None) -> WebWorld:
    wiki = MediaWiki(api(web.base), web.base, "test")
    chain = ProviderChain([wiki, LocalIndex(index)] if index else [wiki])
    return WebWorld(chain, fetcher, deadline=time.monotonic() + SECONDS, index=index)


def test_a_question_is_answered_from_pages_read_over_http(
    web: MiniWeb, fetcher: Fetcher, judge: PassageJudge
) -> None:
    """Search, open, quote: the quote stands on the page, and the trace plays again without it."""
    found = browse("Where was Marie Curie born?", world(web, fetcher), judge)
    assert found.why_ended == "answered"
    quote = found.quotes[0]
    assert "Warsaw" in quote.text
    assert found.pages[quote.document_id].text[quote.start : quote.end] == quote.text
    assert quote.uri == f"{web.base}/wiki/Marie_Curie"
    assert is_faithful(found.trace)


def test_links_of_a_page_can_be_followed(web: MiniWeb, fetcher: Fetcher) -> None:
    """They are those that the article has, and lead to pages of the same web."""
    opened = world(web, fetcher)
    results = opened.search("Marie Curie")
    page = opened.open(results.links[0].url)
    [warsaw] = [link for link in page.links if page.text[link.start : link.end] == "Warsaw"]
    assert "Vistula" in opened.open(warsaw.url).text
    assert page.date == "2019-07-20"


def test_an_address_that_was_never_shown_is_not_opened(web: MiniWeb, fetcher: Fetcher) -> None:
    """Not even one that exists; nothing is sent."""
    opened = world(web, fetcher)
    web.log.clear()
    assert opened.open(f"{web.base}/wiki/Radium").kind == "error"
    assert web.log == []


def test_a_page_that_fails_is_a_page_that_says_so(web: MiniWeb, fetcher: Fetcher) -> None:
    """The browse goes on with the next result."""
    opened = world(web, fetcher)
    results = opened.search("Radium")
    web.faults.set(Fault("error", "/wiki/"))
    page = opened.open(results.links[0].url)
    assert (page.kind, "500" in page.text) == ("error", True)


def test_with_every_provider_down_the_answer_comes_from_the_own_index(
    web: MiniWeb, fetcher: Fetcher, judge: PassageJudge, tmp_path: Path
) -> None:
    """The reason is kept, and the quote stands in the person's own document."""
    web.faults.set(Fault("captcha"))
    index = Index.open(tmp_path / "index.sqlite3", embedder_dir=resources.embedder_dir())
    index.add_text("note:1", "Lighthouse", "The lighthouse was built in 1874.", collection="notes")
    opened = world(web, fetcher, index)
    found = browse("When was the lighthouse built?", opened, judge)
    index.close()
    assert found.quotes[0].text == "The lighthouse was built in 1874."
    assert "CAPTCHA" in opened.searches[0].why
    assert {asked.path.partition("?")[0] for asked in web.log} == {"/w/api.php"}


def test_with_everything_down_the_refusal_is_honest_and_in_time(
    web: MiniWeb, fetcher: Fetcher, judge: PassageJudge
) -> None:
    """No search could be made: that is said, with the reason, within the deadline."""
    web.faults.set(Fault("slow", seconds=60))
    opened = WebWorld(
        ProviderChain([MediaWiki(api(web.base), web.base, "test")]),
        fetcher,
        deadline=time.monotonic() + 1.5,
    )
    began = time.monotonic()
    found = browse("Where was Marie Curie born?", opened, judge, watch=Watch(deadline=began + 1.5))
    assert time.monotonic() - began < 20
    assert (found.quotes, found.why_ended in ("no_search", "deadline")) == ((), True)
    last = found.state.view
    assert last is not None
    # whichever clock is first: that of the search, or that of one answer
    assert any(why in last.page.text for why in ("it took too long", "the server went silent"))
