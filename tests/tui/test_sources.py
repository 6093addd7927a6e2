"""What an answer stands on can be followed: searched, opened, quoted, and where it comes from."""

from __future__ import annotations

import pytest
from textual.widgets import OptionList

from chatapp.tui.addresses import domain_of, has_desktop, is_web_address
from chatapp.tui.answer_state import AnswerState
from chatapp.tui.screens.passage import PassageScreen
from chatapp.tui.screens.visit import VisitScreen
from chatapp.tui.widgets.answer_markdown import AnswerMarkdown
from chatapp.tui.widgets.grounding_badge import GroundingBadge
from tests.fakes import FakeGenerator
from tests.tui.conftest import Chat, ask, ready, screen_text, until

QUESTION = "Who painted the Mona Lisa?"


async def test_the_steps_of_a_grounded_answer_fold_into_one_line(chat: Chat) -> None:
    """Searching, opened, quoted: live while it works, then `1 search, 1 page opened, …`."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        assert "▸ 1 search, 1 page opened, " in screen_text(app)
        await pilot.press("shift+tab", "b")
        await until(lambda: "Searching the index" in screen_text(app))
        assert "Opened: Mona Lisa" in screen_text(app)
        assert "Quoted: " in screen_text(app)
        assert "test:Mona Lisa" in screen_text(app)


async def test_a_citation_opens_its_quote_and_marks_it_in_the_panel(chat: Chat) -> None:
    """1 on the answer: the passage with the quote; the panel beside the answer marks it as well."""
    app = chat.app()
    async with app.run_test(size=(130, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        await pilot.press("shift+tab", "1")
        await until(lambda: isinstance(app.screen, PassageScreen))
        assert app.chat.sources.query_one(OptionList).highlighted == 0


async def test_a_page_of_the_web_opens_in_the_browser_only_once_confirmed(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """o in the passage asks, with the domain and the whole address; y opens, Esc does not."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    index = chat._open_index()
    page = "The capital of Zanzibar is Stone Town. It lies on the sea."
    index.add_text("https://example.org/zanzibar?a=1", "Zanzibar", page, collection="files")
    index.close()
    app = chat.app()
    opened: list[str] = []
    monkeypatch.setattr(app, "open_url", lambda url, **_: opened.append(url))
    async with app.run_test(size=(130, 40)) as pilot:
        await ready(app)
        await ask(pilot, "What is the capital of Zanzibar?")
        assert "example.org" in screen_text(app)
        await pilot.press("shift+tab", "1")
        await until(lambda: "the quote stands in the stored text" in screen_text(app))
        await pilot.press("o")
        await until(lambda: isinstance(app.screen, VisitScreen))
        await until(lambda: "Leave for example.org" in screen_text(app))
        assert "https://example.org/zanzibar?a=1" in screen_text(app)
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, PassageScreen))
        assert opened == []
        await pilot.press("o")
        await until(lambda: isinstance(app.screen, VisitScreen))
        await pilot.press("y")
        await until(lambda: opened == ["https://example.org/zanzibar?a=1"])


async def test_without_a_desktop_an_address_is_copied_and_no_browser_asked(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text browser would draw over the chat; over SSH it would open far away."""
    monkeypatch.setenv("SSH_CONNECTION", "1.2.3.4 1 5.6.7.8 22")
    monkeypatch.setenv("TERM", "xterm")
    chat.generator = FakeGenerator("See [the docs](https://example.org/docs) for more.")
    app = chat.app()
    opened: list[str] = []
    monkeypatch.setattr(app, "open_url", lambda url, **_: opened.append(url))
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        answer = app.chat.query_one(AnswerMarkdown)
        answer.post_message(AnswerMarkdown.LinkClicked(answer, "https://example.org/docs"))
        await until(lambda: isinstance(app.screen, VisitScreen))
        await until(lambda: "no desktop" in screen_text(app))
        await pilot.press("y")
        assert isinstance(app.screen, VisitScreen)
        await pilot.press("c")
        await until(lambda: app.clipboard == "https://example.org/docs")
        assert opened == []


async def test_c_in_the_passage_copies_the_quote_with_its_source(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quote, title and address, and the dialog says that it was copied."""
    monkeypatch.setattr("chatapp.tui.clipboard._TOOLS", ())
    monkeypatch.setenv("TERM", "xterm")
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        await pilot.press("shift+tab", "1")
        await until(lambda: isinstance(app.screen, PassageScreen))
        await pilot.press("c")
        await until(lambda: app.clipboard.endswith("Mona Lisa\ntest:Mona Lisa"))
        assert "Leonardo da Vinci" in app.clipboard
        await until(lambda: "Copied" in screen_text(app))


def test_every_kind_of_grounding_has_a_badge_of_its_own_words() -> None:
    """Grounded, partly, model, written, memory, tool, worked out, not found: no two the same."""
    from typing import get_args

    from chatapp.assistant.events import Grounding

    said = set()
    for kind in get_args(Grounding):
        badge = GroundingBadge()
        badge.show(kind, 2)
        said.add(str(badge.content))
    assert len(said) == len(get_args(Grounding)) == 8
    assert "◐ partly grounded in 2 quotes" in said


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://en.wikipedia.org/wiki/Kaaba", "en.wikipedia.org"),
        ("https://user:secret@example.org:8080/x", "example.org"),
        ("https://\u0430pple.com/", "\u0430pple.com (xn--pple-43d.com)"),
        ("file:///home/me/notes%20of%20mine.md", "notes of mine.md"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_a_source_is_named_by_its_domain(uri: str, shown: str) -> None:
    """What a person must recognise before leaving for it."""
    assert domain_of(uri) == shown


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "file:///etc/passwd", "https://", "http://[::1", "mailto:a@b.c"]
)
def test_only_pages_of_the_web_may_be_opened(uri: str) -> None:
    assert not is_web_address(uri)


def test_a_text_console_has_no_desktop() -> None:
    assert not has_desktop({"TERM": "xterm"}) or __import__("sys").platform in ("darwin", "win32")


async def test_a_link_that_pretends_to_be_a_citation_is_a_link(chat: Chat) -> None:
    """`cite:` with nonsense after it neither crashes nor opens anything."""
    chat.generator = FakeGenerator("Odd [link](cite:nonsense) here.")
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        answer = app.chat.query_one(AnswerMarkdown)
        answer.post_message(AnswerMarkdown.LinkClicked(answer, "cite:nonsense"))
        await until(lambda: "No browser opens this: cite:nonsense" in screen_text(app))
        assert app.is_running


def test_a_state_without_steps_has_no_summary() -> None:
    assert AnswerState().trace.summary() == ""


async def test_the_steps_of_an_answer_are_there_after_the_next_start(chat: Chat) -> None:
    """What was searched, opened and quoted unfolds as it did when it happened."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
    again = chat.app()
    async with again.run_test(size=(120, 40)) as pilot:
        await ready(again)
        await until(lambda: "▸ 1 search, 1 page opened, 1 quote" in screen_text(again))
        await pilot.press("shift+tab", "b")
        await until(lambda: "Opened: Mona Lisa" in screen_text(again))
        assert "Searching the index: Who painted" in screen_text(again)
        assert "Quoted: Leonardo da Vinci painted the Mona Lisa" in screen_text(again)
