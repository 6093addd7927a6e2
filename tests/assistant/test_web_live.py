"""The real web behind an answer: providers, fetcher, browser against the mini-web on loopback."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import pytest

from chatapp import resources
from chatapp.assistant.events import (
    Browse,
    Citation,
    MessageDone,
    ToolApproval,
    ToolResult,
    TurnEnd,
    TurnStart,
    WebConsent,
)
from chatapp.assistant.factory import open_web
from chatapp.assistant.prompt import NOT_FOUND
from chatapp.settings import WebSettings
from retrieval.index import Index
from retrieval.web.fetch import Fetcher
from tests.assistant.conftest import SETTINGS
from tests.assistant.helpers import collect, every, only
from tests.assistant.test_web import deciding
from tests.fakes import FakeGenerator
from tests.miniweb.faults import Fault
from tests.miniweb.samples import ARTICLES
from tests.miniweb.server import MiniWeb

QUESTION = "When was Marie Curie born?"


@pytest.fixture(scope="module")
def miniweb() -> Iterator[MiniWeb]:
    """Serve the sample articles."""
    with MiniWeb(ARTICLES, resources.embedder_dir()) as web:
        yield web


@pytest.fixture
def browsing(make, miniweb, tmp_path):
    """Return a maker of assistants whose encyclopaedia is the mini-web."""
    miniweb.faults.set()
    miniweb.log.clear()

    def maker(seconds: float = 30.0, **options):
        web = WebSettings(
            providers=("wikipedia", "index"),
            wikipedia_url=miniweb.base,
            allow=(miniweb.base,),
            seconds=seconds,
        )
        settings = dataclasses.replace(
            SETTINGS, web=web, retrieval=dataclasses.replace(SETTINGS.retrieval, threshold=0.15)
        )
        index = Index.open(tmp_path / "index.sqlite3", embedder_dir=resources.embedder_dir())
        index.add_text("test:bread", "Bread", "Bread is made of flour.", collection="files")
        assistant = make(
            FakeGenerator(), index, settings=settings, open_web=lambda: open_web(settings)
        )
        assistant.options = dataclasses.replace(assistant.options, **options)
        return assistant

    return maker


@pytest.fixture
def make(make, monkeypatch):
    """Let quotes be found by the real rules, which the maker of assistants replaces by fakes."""
    import retrieval.quotes

    monkeypatch.undo()
    assert retrieval.quotes.select_quotes.__module__ == "retrieval.quotes"
    return make


async def test_a_question_is_answered_from_pages_that_were_really_read(browsing, miniweb):
    """Asked over HTTP; the quote stands in the page that is kept, and the short answer is right."""
    assistant = browsing(web="always")
    events = await collect(assistant.turn(None, QUESTION))
    done, first = only(events, MessageDone), every(events, Citation)[0]
    assert done.grounding == "grounded"
    assert done.text.startswith("7 November 1867 [1]")
    page = await assistant.document(first.document)
    assert page.text[first.start : first.end] == first.quote
    assert (first.title, first.date) == ("Marie Curie", "2019-07-20")
    actions = [step.action for step in every(events, Browse) if step.place == "web"]
    assert actions[:2] == ["search", "open"]
    assert "quote" in actions
    assert any(asked.path.startswith("/w/api.php") for asked in miniweb.log)


async def test_a_false_premise_is_answered_from_the_pages_and_not_agreed_with(browsing):
    """It was discovered in 1898, but not by him: the answer says so before it quotes."""
    question = "When did Einstein discover radium?"
    done = only(await collect(browsing(web="always").turn(None, question)), MessageDone)
    assert done.grounding == "grounded"
    said, _, quotes = done.text.partition("\n\n")
    assert said == "The sources do not say that Einstein did discover radium. They say:"
    assert quotes.startswith("With her husband Pierre Curie she discovered the elements polonium")


async def test_what_no_page_says_is_refused_with_the_pages_that_were_read(browsing):
    """The refusal names the premise that nobody shares, and no passage that is beside the point."""
    question = "When did Copernicus visit Japan?"
    done = only(await collect(browsing(web="always").turn(None, question)), MessageDone)
    assert done.grounding == "not_found"
    assert done.text.startswith(NOT_FOUND)
    assert "On the web I read in vain: " in done.text
    assert "(127.0.0.1)" in done.text
    assert done.text.endswith("None of them says that Copernicus did visit Japan.")
    assert "nearest passages" not in done.text


async def test_a_refusal_says_which_pages_could_not_be_read(browsing, miniweb):
    """What is on a page that nobody could read may well be the answer."""
    miniweb.faults.set(Fault("forbidden", path="/wiki/"))
    done = only(await collect(browsing(web="always").turn(None, QUESTION)), MessageDone)
    assert done.grounding == "not_found"
    assert "pages could not be read: " in done.text
    assert "403" in done.text


async def test_a_query_that_is_not_approved_reaches_nobody(browsing, miniweb):
    assistant = browsing(attended=True)
    events = await deciding(assistant, assistant.turn(None, QUESTION), "deny")
    assert only(events, MessageDone).grounding == "not_found"
    assert miniweb.log == []


async def test_the_dialog_names_who_would_get_the_query(browsing):
    events = await collect(browsing().turn(None, QUESTION))
    assert only(events, WebConsent).services == ["127.0.0.1"]


@pytest.mark.parametrize("fault", ["drop", "rate_limit", "error", "captcha"])
async def test_with_every_provider_down_the_refusal_says_why(browsing, miniweb, fault):
    miniweb.faults.set(Fault(fault, path="/w/api.php"))
    done = only(await collect(browsing(web="always").turn(None, QUESTION)), MessageDone)
    assert done.grounding == "not_found"
    assert "The web could not be searched: wikipedia: " in done.text


async def test_a_provider_that_hangs_is_given_up_within_the_time(browsing, miniweb):
    """One second was allowed; the refusal is there long before the provider answers."""
    miniweb.faults.set(Fault("slow", path="/w/api.php", seconds=20))
    began = time.monotonic()
    done = only(
        await collect(browsing(seconds=1.0, web="always").turn(None, QUESTION)), MessageDone
    )
    assert "The web could not be searched" in done.text
    assert time.monotonic() - began < 15


async def test_stopping_ends_a_search_that_hangs_at_once(browsing, miniweb):
    miniweb.faults.set(Fault("slow", path="/w/api.php", seconds=20))
    assistant, events, stopped = browsing(web="always"), [], 0.0
    async for event in assistant.turn(None, QUESTION):
        events.append(event)
        if isinstance(event, Browse) and event.place == "web":
            stopped = time.monotonic()
            assistant.interrupt()
    assert only(events, TurnEnd).status == "interrupted"
    assert time.monotonic() - stopped < 10
    assert "Searching the web" in every(events, Browse)[-1].text


@pytest.mark.parametrize("private", [False, True])
async def test_a_page_that_a_tool_opens_in_a_private_conversation_is_not_kept(
    browsing, monkeypatch, private
):
    """As in an answer, nothing of it reaches the cache of pages."""
    fetched = []
    real = Fetcher.fetch

    def fetch(self, url, **more):
        fetched.append(more["private"])
        return real(self, url, **more)

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    assistant = browsing(attended=True)
    here = assistant.store.create(private=private).id
    for name, arguments in (("web_search", {"query": "radium"}), ("web_open", {"result": 1})):
        async for event in assistant.use_tool(here, name, arguments):
            if isinstance(event, ToolApproval) and event.decision == "asked":
                assert ("this private conversation" in event.why) is private
                assert assistant.approve(event.id, "once")
    assert fetched == [private]


async def test_the_tools_search_and_open_the_same_web(browsing, miniweb):
    """web_search lists results, web_open reads one by its number; both ask first."""
    assistant = browsing(attended=True)

    async def approving(events):
        seen = []
        async for event in events:
            seen.append(event)
            if isinstance(event, ToolApproval) and event.decision == "asked":
                assert assistant.approve(event.id, "once")
        return seen

    events = await approving(assistant.use_tool(None, "web_search", {"query": "radium"}))
    assert "[1] Radium" in only(events, ToolResult).text
    here = only(events, TurnStart).conversation
    opened = only(await approving(assistant.use_tool(here, "web_open", {"result": 1})), ToolResult)
    assert "half-life of 1,600 years" in opened.text
    other = only(await approving(assistant.use_tool(None, "web_open", {"result": 1})), ToolResult)
    assert "none yet: search first" in other.error
    miniweb.faults.set(Fault("rate_limit", path="/w/api.php"))
    failed = only(
        await approving(assistant.use_tool(None, "web_search", {"query": "polonium"})), ToolResult
    )
    assert failed.error.startswith("The web could not be searched: wikipedia: ")
