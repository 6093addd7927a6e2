"""Text from outside is text: it never becomes markup, a link that opens, or a terminal command."""

from __future__ import annotations

import pytest
from textual.widgets import OptionList

from chatapp.tui.screens.passage import PassageScreen
from chatapp.tui.text import one_line
from chatapp.tui.widgets.answer_markdown import AnswerMarkdown
from tests.fakes import FakeGenerator
from tests.tui.conftest import Chat, answers, ask, ready, screen_text, until

MARKUP = "[@click=app.quit]x[/] [red]alarm[/red] [/nonsense] [bold"
ESCAPES = "\x1b[2Jgone \x1b]52;c;ZXZpbA==\x07 \x9b31m \u202eabc\u202c \u200bzero"
ACTING = ("\x1b", "\x07", "\x9b", "\u202e", "\u200b")


async def test_a_hostile_message_and_title_are_shown_as_typed(chat: Chat) -> None:
    """Markup in what a person types shows as it is; escape sequences lose their teeth."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, f"hello {MARKUP} {ESCAPES}")
        await ask(pilot, "hello again")
        text = screen_text(app)
        assert "[@click=app.quit]x[/]" in text
        assert "[red]alarm[/red]" in text
        assert not any(character in text for character in ACTING)
        assert app.is_running


async def test_a_hostile_answer_is_shown_as_written(chat: Chat) -> None:
    """The model's own output passes the same gate, HTML and markup included."""
    chat.generator = FakeGenerator(f"{MARKUP} <script>alert(1)</script> {ESCAPES}")
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        text = screen_text(app)
        assert "[@click=app.quit]x" in text
        assert "<script>alert(1)</script>" in text
        assert not any(character in text for character in ACTING)


async def test_a_hostile_source_is_listed_and_opened_as_text(chat: Chat) -> None:
    """Title, address and text of a source may say anything."""
    evil = f"Zanzibar {MARKUP}"
    text = f"The capital of Zanzibar is {MARKUP} Stone Town. {ESCAPES} More text follows here."
    chat.add_pages({evil: text})
    app = chat.app()
    async with app.run_test(size=(140, 40)) as pilot:
        await ready(app)
        await ask(pilot, "What is the capital of Zanzibar?")
        assert answers(app)[0].citations
        await pilot.press("ctrl+o")
        if not isinstance(app.focused, OptionList):
            await pilot.press("ctrl+o")
        await pilot.press("down", "enter")
        await until(lambda: isinstance(app.screen, PassageScreen))
        await until(lambda: "the quote stands in the stored text" in screen_text(app))
        assert "[@click=app.quit]x[/]" in screen_text(app)
        assert not any(character in screen_text(app) for character in ACTING)


async def test_a_damaged_row_with_escapes_in_the_database_cannot_reach_the_terminal(
    chat: Chat,
) -> None:
    """Even text that got past the gate (a file edited by hand) is cleaned before it is drawn."""
    with chat.store_open() as store:
        conversation = store.create(f"title {ESCAPES} {MARKUP}")
        store.begin_turn(conversation.id, f"question {ESCAPES}").result()
    app = chat.app()
    async with app.run_test(size=(120, 40)):
        await ready(app)
        await until(lambda: "question" in screen_text(app))
        assert not any(character in screen_text(app) for character in ACTING)


async def test_a_link_in_an_answer_is_named_and_not_opened(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click on a link shows where it would lead."""
    chat.generator = FakeGenerator("See [the docs](https://example.org/evil) for more.")
    app = chat.app()
    opened: list[str] = []
    monkeypatch.setattr(app, "open_url", lambda url, **_: opened.append(url))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        answer = app.chat.query_one(AnswerMarkdown)
        answer.post_message(AnswerMarkdown.LinkClicked(answer, "https://example.org/evil"))
        await until(lambda: "Links are not opened" in screen_text(app))
        assert "https://example.org/evil" in screen_text(app)
        assert opened == []


def test_one_line_keeps_one_line_of_the_wanted_length() -> None:
    """Titles and quotes in lists take one row, whatever they hold."""
    assert one_line("a\n\n b\tc\x1b[2J", 80) == "a b c[2J"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
