"""The web in a turn: asked for, told step by step, quoted, kept with the answer, and refused."""

from __future__ import annotations

import asyncio
import dataclasses
import threading

import pytest

from chatapp import resources
from chatapp.assistant import grounding
from chatapp.assistant.events import (
    Browse,
    Citation,
    MemoryUsed,
    MessageDone,
    ToolApproval,
    ToolResult,
    TurnEnd,
    TurnStart,
    WebConsent,
)
from chatapp.assistant.private_text import is_private, of_result
from chatapp.assistant.steps import kept_steps
from chatapp.assistant.web_access import WebFindings
from chatapp.conversations import NotFound, Outcome, Part
from chatapp.inference.tool_calls import written_call
from chatapp.memory import Memory, Profile
from chatapp.memory.memory import NEAREST
from retrieval.types import Hit, Passage
from tests.assistant.helpers import collect, every, only, types
from tests.assistant.test_model_tools import FakeCaller
from tests.fakes import FakeGenerator, FakeIndex, FakeWeb
from tools.files import ReadFile, allowed
from tools.memory import MemorySearch, Remembered
from tools.protocol import ToolError
from tools.registry import ToolRegistry
from tools.search_index import IndexSearch
from tools.web import WebOpen, WebSearch

QUESTION = "How high is the Matterhorn?"
PAGES = {
    "Matterhorn": "The Matterhorn is 4,478 metres high. It stands on a border.",
    "Cheese": "Fondue is eaten in the Alps. It is hot.",
}


@pytest.fixture
def surfing(make):
    """Return a maker of assistants with a web and an index that knows nothing of it."""

    def maker(pages: FakeWeb, index: FakeIndex | None = None, open_memory=None, **options):
        assistant = make(
            FakeGenerator(), index or FakeIndex(), open_web=lambda: pages, open_memory=open_memory
        )
        assistant.options = dataclasses.replace(assistant.options, **options)
        return assistant

    return maker


async def deciding(assistant, events, decision: str):
    """Collect the events of a turn, deciding on each query that asks."""
    seen = []
    async for event in events:
        seen.append(event)
        if isinstance(event, WebConsent) and event.decision == "asked":
            assert assistant.approve(event.id, decision)
    return seen


def without_quotes(browse):
    """Return a way to browse that reads pages and quotes nothing."""
    return lambda errand: dataclasses.replace(browse(errand), quotes=())


class TestConsent:
    async def test_the_first_query_of_a_conversation_is_shown_and_asked_about(self, surfing):
        web = FakeWeb(PAGES)
        assistant = surfing(web, attended=True)
        events = await deciding(assistant, assistant.turn(None, QUESTION), "conversation")
        asked, allowed = every(events, WebConsent)
        assert (asked.query, asked.services, asked.private) == (QUESTION, ["FakeSearch"], [])
        assert (asked.decision, allowed.decision) == ("asked", "allowed")
        conversation = only(events, TurnStart).conversation
        events = await collect(assistant.turn(conversation, "What is fondue, the dish of cheese?"))
        [allowed] = every(events, WebConsent)
        assert allowed.decision == "allowed"
        assert len(web.queries) == 2

    async def test_once_holds_for_one_answer_and_no_holds_the_query_back(self, surfing):
        web = FakeWeb(PAGES)
        assistant = surfing(web, attended=True)
        events = await deciding(assistant, assistant.turn(None, QUESTION), "once")
        conversation = only(events, TurnStart).conversation
        events = await deciding(assistant, assistant.turn(conversation, QUESTION), "deny")
        assert [c.decision for c in every(events, WebConsent)] == ["asked", "denied"]
        assert len(web.queries) == 1
        done = only(events, MessageDone)
        assert done.grounding == "not_found"
        assert every(events, Browse)[-1].text == "The web was not searched. You denied it."

    async def test_where_nobody_is_there_nothing_leaves_and_nothing_waits(self, surfing):
        web = FakeWeb(PAGES)
        assistant = surfing(web)
        events = await collect(assistant.turn(None, QUESTION))
        denied = only(events, WebConsent)
        assert denied.decision == "denied"
        assert "--allow web" in denied.why
        assert web.queries == []

    async def test_what_was_allowed_in_advance_is_not_asked(self, surfing):
        for options in ({"web": "always"}, {"allow": ("web",)}):
            web = FakeWeb(PAGES)
            events = await collect(surfing(web, **options).turn(None, QUESTION))
            assert only(events, WebConsent).decision == "allowed"
            assert web.queries == [QUESTION]

    @pytest.mark.parametrize("options", [{"use_web": False}, {"web": "never"}])
    async def test_switched_off_nobody_is_even_asked(self, surfing, options):
        web = FakeWeb(PAGES)
        assistant = surfing(web, attended=True, **options)
        events = await collect(assistant.turn(None, QUESTION))
        assert every(events, WebConsent) == []
        assert web.queries == []

    async def test_switched_off_for_the_session_no_conversation_switches_it_on(self, surfing):
        """`--no-web` wins over what a conversation is set to."""
        web = FakeWeb(PAGES)
        assistant = surfing(web, use_web=False)
        conversation = assistant.store.create().id
        assistant.configure(conversation, web="on")
        await collect(assistant.turn(conversation, QUESTION))
        assert web.queries == []

    async def test_after_private_text_every_query_is_shown_whatever_is_allowed(self, surfing):
        """Their own page was quoted, so "always" is not enough; unattended, nothing leaves."""
        web = FakeWeb(PAGES)
        assistant = surfing(web, web="always", attended=True)
        events = await collect(assistant.turn(None, "Who painted the Mona Lisa?"))
        conversation = only(events, TurnStart).conversation
        assert web.queries == []
        events = await deciding(assistant, assistant.turn(conversation, QUESTION), "conversation")
        asked, _ = every(events, WebConsent)
        assert asked.private == ["Mona Lisa"]
        assert "private" in asked.why
        assert web.queries == [QUESTION]
        events = await deciding(assistant, assistant.turn(conversation, QUESTION), "deny")
        assert [c.decision for c in every(events, WebConsent)] == ["asked", "denied"]
        assistant.options = dataclasses.replace(assistant.options, attended=False, allow=("web",))
        events = await collect(assistant.turn(conversation, QUESTION))
        assert only(events, WebConsent).decision == "denied"
        assert len(web.queries) == 1

    async def test_a_private_conversation_asks_for_every_query(self, surfing):
        web = FakeWeb(PAGES)
        assistant = surfing(web, web="always", attended=True)
        conversation = assistant.store.create(private=True).id
        events = await deciding(assistant, assistant.turn(conversation, QUESTION), "once")
        assert every(events, WebConsent)[0].private == ["this private conversation"]

    async def test_stopping_while_it_asks_ends_the_turn_and_sends_nothing(self, surfing):
        web = FakeWeb(PAGES)
        assistant = surfing(web, attended=True)
        events = []
        async for event in assistant.turn(None, QUESTION):
            events.append(event)
            if isinstance(event, WebConsent):
                assistant.interrupt()
        assert only(events, TurnEnd).status == "interrupted"
        assert web.queries == []


class FakeMemory:
    """Remembers one thing."""

    def search(self, query: str, limit: int) -> list[Remembered]:
        return [Remembered("1", "your IBAN is DE02", "2026-01-01", "what you told me")]

    def add(self, text: str) -> Remembered:
        raise ValueError(text)


class FakeSearch:
    """Keeps the queries that would have left."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def search(self, query, limit, context):
        self.queries.append(query)
        return []


class HandbookIndex(FakeIndex):
    """An index with nothing but the handbook in it."""

    def passage(self, passage_id: str) -> Passage:
        uri = f"{resources.handbook_dir().as_uri()}/page.md"
        return dataclasses.replace(super().passage(passage_id), uri=uri)


LEAK = written_call("web_search", {"query": "who owns DE02"})
SEARCHES = {
    "index_search": written_call("index_search", {"query": "painted the Mona Lisa"}),
    "memory_search": written_call("memory_search", {"query": "IBAN"}),
    "read_file": written_call("read_file", {"path": "iban.txt"}),
}


@pytest.fixture
def calling(make, tmp_path):
    """Return a maker of assistants whose model says `replies`, with a web that is allowed."""
    (tmp_path / "iban.txt").write_text("DE02")

    def maker(*replies: str, index: FakeIndex | None = None, open_memory=None, **options):
        leaving = FakeSearch()
        search = WebSearch(leaving)
        tools = [
            search,
            WebOpen(search, leaving),
            IndexSearch(lambda: index or FakeIndex()),
            MemorySearch(FakeMemory()),
            ReadFile(allowed((str(tmp_path),))),
        ]
        assistant = make(FakeCaller(*replies), tools=ToolRegistry(tools), open_memory=open_memory)
        options = {"web": "always", "allow": ("web", "read_file"), **options}
        assistant.options = dataclasses.replace(assistant.options, **options)
        return assistant, leaving

    return maker


class TestWhatToolsRead:
    """A model that calls tools carries nothing from one's own things into a query unseen."""

    @pytest.mark.parametrize("tool", SEARCHES)
    async def test_what_a_tool_read_in_this_answer_is_private(self, calling, tool):
        assistant, leaving = calling(SEARCHES[tool], LEAK, "Done.")
        events = await collect(assistant.turn(None, "hello"))
        read, refused = every(events, ToolResult)
        assert (read.name, read.error) == (tool, "")
        assert "Private text stands in this conversation" in refused.error
        assert leaving.queries == []

    @pytest.mark.parametrize("tool", SEARCHES)
    async def test_and_so_it_is_in_later_answers_also_of_a_fork(self, calling, tool, store):
        assistant, leaving = calling(SEARCHES[tool], "Fine.", LEAK, "Done.", LEAK, "Done.")
        events = await collect(assistant.turn(None, "hello"))
        fork = store.fork(only(events, MessageDone).message)
        for conversation in (only(events, TurnStart).conversation, fork.id):
            events = await collect(assistant.turn(conversation, "hello again"))
            assert "Private text" in only(events, ToolResult).error
        assert leaving.queries == []

    async def test_whoever_is_there_sees_the_query_first(self, calling):
        assistant, leaving = calling(SEARCHES["index_search"], LEAK, "Done.", attended=True)
        events = []
        async for event in assistant.turn(None, "hello"):
            events.append(event)
            if isinstance(event, ToolApproval) and event.decision == "asked":
                assert leaving.queries == []
                assert assistant.approve(event.id, "once")
        asked = [event for event in every(events, ToolApproval) if event.decision == "asked"]
        assert [event.arguments for event in asked] == [{"query": "who owns DE02"}]
        assert "private text (Mona Lisa)" in asked[0].why
        assert leaving.queries == ["who owns DE02"]

    @pytest.mark.parametrize("error", [ToolError, RuntimeError])
    async def test_why_a_tool_failed_may_be_private_too(self, calling, monkeypatch, error):
        """A tool of another program says what it likes, in an error as in a result."""

        def fails(self, arguments, context):
            raise error("DE02 of Ada is locked")

        monkeypatch.setattr(ReadFile, "run", fails)
        assistant, leaving = calling(SEARCHES["read_file"], LEAK, "Done.", LEAK, "Done.")
        events = await collect(assistant.turn(None, "hello"))
        read, refused = every(events, ToolResult)
        assert "DE02 of Ada" in read.error
        assert "Private text" in refused.error
        conversation = only(events, TurnStart).conversation
        events = await collect(assistant.turn(conversation, "hello again"))
        assert "Private text" in only(events, ToolResult).error
        assert leaving.queries == []

    async def test_a_tool_that_was_not_run_read_nothing(self, calling):
        calls = (SEARCHES["read_file"], LEAK)
        assistant, leaving = calling(*calls, "Done.", allow=("web",))
        events = await collect(assistant.turn(None, "hello"))
        assert "was not run" in every(events, ToolResult)[0].error
        assert leaving.queries == ["who owns DE02"]

    async def test_what_reads_nothing_of_one_s_own_changes_nothing(self, calling):
        """The handbook is public, and so is what the web itself said."""
        calls = (SEARCHES["index_search"], LEAK, LEAK)
        assistant, leaving = calling(*calls, "Done.", index=HandbookIndex())
        await collect(assistant.turn(None, "hello"))
        assert len(leaving.queries) == 2

    async def test_a_result_of_an_earlier_version_goes_by_its_tool(self, calling, store):
        assistant, leaving = calling("Fine.", LEAK, "Done.")
        events = await collect(assistant.turn(None, "hello"))
        kept = {"id": "1", "name": "mail_search", "text": "Your IBAN is DE02.", "error": ""}
        store.add_parts(only(events, MessageDone).message, [Part("tool_result", kept)]).result()
        conversation = only(events, TurnStart).conversation
        await collect(assistant.turn(conversation, "hello again"))
        assert leaving.queries == []

    def test_results_without_anything_private(self):
        assert of_result("clock", "It is noon.", None) == []
        assert of_result("index_search", "No passage has these words.", []) == []
        assert of_result("read_file", "", None) == []
        assert of_result("index_search", "The index is locked.", None, failed=True) == []
        assert of_result("index_search", "too much to list", None) == ["what index_search gave"]


class TestWhatWasTold:
    """What the memory was told is private wherever it comes up, not only where it answers."""

    async def test_facts_in_the_prompt_are_private_in_this_answer_and_in_later_ones(
        self, calling, store
    ):
        memory = {"open_memory": lambda: Memory(store, lambda: None)}
        Profile(store).remember("I live in Rome.")
        told = [LEAK, "Done.", LEAK, "Done."]
        assistant, leaving = calling(*told, **memory)
        events = await collect(assistant.turn(None, "Write a poem on my life in Rome."))
        assert every(events, MemoryUsed)
        assert "Private text" in only(events, ToolResult).error
        conversation = only(events, TurnStart).conversation
        assistant.options = dataclasses.replace(assistant.options, use_memory=False)
        events = await collect(assistant.turn(conversation, "hello again"))
        assert "Private text" in only(events, ToolResult).error
        assert leaving.queries == []

    async def test_a_question_that_also_tells_of_the_person_is_shown(self, surfing, store):
        """The question is the query; a later one may be made of its words too."""
        web = FakeWeb(PAGES)
        assistant = surfing(web, web="always", open_memory=lambda: Memory(store, lambda: None))
        asked = f"I live in Rome. {QUESTION}"
        events = await collect(assistant.turn(None, asked))
        assert only(events, WebConsent).private == ["what you told about yourself"]
        fork = store.fork(only(events, MessageDone).message)
        events = await collect(assistant.turn(fork.id, "And where does it stand?"))
        assert only(events, WebConsent).decision == "denied"
        assert web.queries == []

    async def test_the_nearest_earlier_round_is_private_though_it_answers_nothing(
        self, calling, store
    ):
        assistant, leaving = calling(LEAK, "Done.")
        begun = store.begin_turn(None, "What did I say about snow?").result()
        store.finish(
            begun.assistant.id,
            Outcome(f"{NEAREST}“My IBAN is DE02.”", "complete", "stop", "not_found"),
        ).result()
        await collect(assistant.turn(begun.conversation.id, "hello"))
        assert leaving.queries == []


class TestTitles:
    @pytest.mark.parametrize(
        ("titles", "queries"),
        [
            ("Diagnosis", []),
            ("Settings; Diagnosis", []),
            ("Settings", ["who owns DE02"]),
            ("Settings; Data to train on", ["who owns DE02"]),
        ],
    )
    async def test_titles_of_one_s_own_in_a_refusal_are_private(
        self, calling, store, titles, queries
    ):
        """Those of the handbook are not."""
        assistant, leaving = calling(LEAK, "Done.")
        begun = store.begin_turn(None, "Why is my bread flat?").result()
        said = f"No. {grounding.NEAREST}{titles}. The web could not be searched: offline."
        store.finish(begun.assistant.id, Outcome(said, "complete", "stop", "not_found")).result()
        await collect(assistant.turn(begun.conversation.id, "hello"))
        assert leaving.queries == queries


class TestOwn:
    @pytest.mark.parametrize(
        ("document", "uri", "private"),
        [
            ("01HX", "https://wiki.corp.example/salaries", True),
            ("01HX", "file:///home/ada/notes.md", True),
            ("attachment:01HX:1", "https://corp.example/a", True),
            ("web:0123", "https://matterhorn.example/", False),
            ("01HX", f"{resources.handbook_dir().as_uri()}/web.md", False),
            ("01HX", f"{resources.handbook_dir().as_uri()}-of-my-own/web.md", True),
        ],
    )
    def test_it_is_told_by_where_a_document_came_from(self, document, uri, private):
        """An export of one's own wiki names addresses of the web and was never read there."""
        assert is_private(document, uri) is private

    async def test_a_document_with_an_address_of_the_web_is_still_one_s_own(self, surfing):
        class Export(FakeIndex):
            def search(self, query, k=8, **more):
                hits = super().search(query, k, **more)
                return [Hit(self.passage(hit.passage.id), hit.score) for hit in hits]

            def passage(self, passage_id):
                found = super().passage(passage_id)
                return dataclasses.replace(found, uri="https://wiki.corp.example/salaries")

        web = FakeWeb(PAGES)
        assistant = surfing(web, Export(), web="always")
        events = await collect(assistant.turn(None, "Who painted the Mona Lisa?"))
        conversation = only(events, TurnStart).conversation
        assert only(events, Citation).uri.startswith("https:")
        events = await collect(assistant.turn(conversation, QUESTION))
        assert only(events, WebConsent).private == ["Mona Lisa"]
        assert web.queries == []


class TestAnswers:
    async def test_an_answer_from_the_web_is_made_of_quotes_whose_pages_are_kept(self, surfing):
        """Searched, opened, quoted; the page is kept and holds the quote at its offsets."""
        web = FakeWeb(PAGES, date="2025-03-01")
        assistant = surfing(web, web="always")
        events = await collect(assistant.turn(None, QUESTION))
        done, citation = only(events, MessageDone), only(events, Citation)
        assert done.grounding == "grounded"
        assert done.text == "4,478 metres [1]\n\nThe Matterhorn is 4,478 metres high. [1]"
        assert (citation.uri, citation.date) == ("https://matterhorn.example/", "2025-03-01")
        page = await assistant.document(citation.document)
        assert page.text[citation.start : citation.end] == citation.quote
        steps = [step for step in every(events, Browse) if step.place == "web"]
        assert [step.action for step in steps] == ["search", "open", "quote"]
        assert steps[1].domain == "matterhorn.example"
        kept = kept_steps(assistant.store.parts(done.message))
        assert kept == every(events, Browse)

    async def test_what_the_person_s_own_sources_answer_never_reaches_the_web(self, surfing):
        web = FakeWeb(PAGES)
        assistant = surfing(web, web="always")
        events = await collect(assistant.turn(None, "Who painted the Mona Lisa?"))
        assert only(events, MessageDone).grounding == "grounded"
        assert web.queries == []
        assert "web.consent" not in types(events)

    async def test_a_follow_up_is_searched_with_its_topic(self, surfing):
        web = FakeWeb(PAGES)
        assistant = surfing(web, web="always")
        events = await collect(assistant.turn(None, QUESTION))
        conversation = only(events, TurnStart).conversation
        await collect(assistant.turn(conversation, "And where does it stand?"))
        assert web.queries[1] == "high Matterhorn And where does it stand?"

    async def test_pages_that_do_not_answer_are_named(self, surfing):
        assistant = surfing(FakeWeb({"Cheese": "Fondue is hot."}), web="always")
        done = only(await collect(assistant.turn(None, "Is cheese healthy?")), MessageDone)
        assert done.grounding == "not_found"
        assert "I read in vain: Cheese (cheese.example)" in done.text

    async def test_a_premise_that_no_page_bears_out_is_named(self, surfing):
        """Nothing is quoted, and the question's own claim is not agreed with."""
        assistant = surfing(FakeWeb({"Telephone": "Bell made it in Boston."}), web="always")
        question = "When did Einstein invent the telephone?"
        done = only(await collect(assistant.turn(None, question)), MessageDone)
        assert done.grounding == "not_found"
        assert done.text.endswith("It does not say that Einstein did invent the telephone.")

    @pytest.mark.parametrize(
        ("findings", "said"),
        [
            (
                {"unread": ["it is too large"]},
                "I read in vain: Telephone (telephone.example); Boston (boston.example). "
                "None of them says that Einstein did invent the telephone. "
                "One page could not be read: it is too large.",
            ),
            (
                {"problem": "it took too long"},
                "I did not find this in the sources. "
                "The web could not be searched: it took too long.",
            ),
        ],
    )
    async def test_only_of_pages_that_are_named_it_is_said_that_they_do_not_say_it(
        self, surfing, findings, said
    ):
        """What nobody read may say anything."""
        web = FakeWeb({"Telephone": "Bell made the telephone.", "Boston": "It has a telephone."})
        read = without_quotes(web.browse)
        web.browse = lambda errand: dataclasses.replace(read(errand), **findings)
        question = "When did Einstein invent the telephone?"
        done = only(await collect(surfing(web, web="always").turn(None, question)), MessageDone)
        assert done.text.endswith(said)

    async def test_a_premise_that_stands_on_a_page_is_not_denied(self, surfing):
        """The page was read and nothing of it quoted, which is not to say that it says nothing."""
        page = "Bell made it in Boston. Einstein may have invented a telephone, too."
        web = FakeWeb({"Telephone": page})
        web.browse = without_quotes(web.browse)
        question = "When did Einstein invent the telephone?"
        done = only(await collect(surfing(web, web="always").turn(None, question)), MessageDone)
        assert done.grounding == "not_found"
        assert "say that" not in done.text

    async def test_with_every_provider_down_the_refusal_says_why(self, surfing):
        web = FakeWeb(PAGES, problem="Wikipedia cannot be reached")
        done = only(await collect(surfing(web, web="always").turn(None, QUESTION)), MessageDone)
        assert done.grounding == "not_found"
        assert done.text.endswith("The web could not be searched: Wikipedia cannot be reached.")

    async def test_without_any_sources_of_its_own_the_chat_answers_from_the_web(self, make):
        assistant = make(RuntimeError("no model"), open_web=lambda: FakeWeb(PAGES))
        assistant.options = dataclasses.replace(assistant.options, web="always")
        done = only(await collect(assistant.turn(None, QUESTION)), MessageDone)
        assert done.grounding == "grounded"

    async def test_a_web_that_breaks_leaves_an_honest_refusal(self, make):
        assistant = make(FakeGenerator(), FakeIndex(), open_web=lambda: 1 / 0)
        assistant.options = dataclasses.replace(assistant.options, web="always")
        events = await collect(assistant.turn(None, QUESTION))
        assert "warning" in types(events)
        assert only(events, MessageDone).grounding == "not_found"

    async def test_a_browse_that_does_not_end_is_left_behind(self, surfing, monkeypatch):
        monkeypatch.setattr("chatapp.assistant.from_web.GRACE_SECONDS", 0.0)
        web, hold = FakeWeb(PAGES), threading.Event()
        monkeypatch.setattr(web, "browse", lambda errand: hold.wait(20))
        assistant = surfing(web, web="always")
        settings = dataclasses.replace(assistant._services.settings.web, seconds=0.2)
        whole = dataclasses.replace(assistant._services.settings, web=settings)
        assistant._services = dataclasses.replace(assistant._services, settings=whole)
        done = only(await collect(assistant.turn(None, QUESTION)), MessageDone)
        hold.set()
        assert "it took longer than 0.2 seconds" in done.text


class TestKeeping:
    async def test_stopping_keeps_what_was_read_and_answers_with_it(self, surfing):
        """The second page is slow; the quote of the first one is there, and so is its page."""
        pages = {"Matterhorn": PAGES["Matterhorn"], "Matterhorns": "Matterhorn again. No."}
        web = FakeWeb(pages, slow=0.3)
        assistant = surfing(web, web="always")
        events = []
        async for event in assistant.turn(None, QUESTION):
            events.append(event)
            if isinstance(event, Browse) and event.action == "quote":
                assistant.interrupt()
        assert only(events, TurnEnd).status == "interrupted"
        done, citation = only(events, MessageDone), only(events, Citation)
        assert (done.finish_reason, done.grounding) == ("interrupted", "grounded")
        assert "4,478 metres" in done.text
        page = await assistant.document(citation.document)
        assert page.text[citation.start : citation.end] == citation.quote

    async def test_a_browse_that_ends_because_it_was_stopped_is_no_refusal(self, surfing):
        """It may see the stop before the turn does; what it has by then is not all it would."""

        class StoppedWeb(FakeWeb):
            def browse(self, errand):
                errand.may_search(errand.query)
                assistant.interrupt()
                return WebFindings((), tuple(self.pages), unread=("stopped",))

        assistant = surfing(StoppedWeb(PAGES), web="always")
        events = await collect(assistant.turn(None, QUESTION))
        assert only(events, TurnEnd).status == "interrupted"
        assert only(events, MessageDone).text == ""

    async def test_a_quoted_page_goes_with_its_conversation(self, surfing):
        """A fork keeps its own copy; when both are purged, nothing is left of the page."""
        assistant = surfing(FakeWeb(PAGES), web="always")
        events = await collect(assistant.turn(None, QUESTION))
        citation, done = only(events, Citation), only(events, MessageDone)
        store = assistant.store
        copy = await asyncio.to_thread(store.fork, done.message)
        first = only(events, TurnStart).conversation
        store.delete(first)
        store.purge(first)
        assert (await assistant.document(citation.document)).title == "Matterhorn"
        store.purge(copy.id)
        with pytest.raises(NotFound):
            await assistant.document(citation.document)
