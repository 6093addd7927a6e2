"""Text from outside is text: it never becomes markup, a link that opens, or a terminal command."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import OptionList

from chatapp.tui.screens.passage import PassageScreen
from chatapp.tui.text import MOST_MARKS, one_line
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


async def test_a_letter_with_ten_thousand_marks_is_one_readable_letter(chat: Chat) -> None:
    """Combining characters are cut to what a script can need, in questions and in answers."""
    marks = "\u0301" * 10_000
    chat.generator = FakeGenerator(f"e{marks}nd")
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, f"hello o{marks}k")
        text = screen_text(app)
        assert "hello o" in text
        assert "nd" in text
        places = 4  # list, title, question and answer
        assert text.count("\u0301") <= places * MOST_MARKS


async def test_a_line_of_five_megabytes_is_stored_whole_and_shown_in_part(chat: Chat) -> None:
    """From the person and from the model: the screen stays quick, nothing is lost."""
    line = "0123456789" * 500_000
    chat.generator = FakeGenerator(line)
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        app.chat.composer.post_message(events.Paste("hello " + line))
        await until(lambda: "5,000,006 characters]" in app.chat.composer.text)
        app.chat.composer.set_draft("hello")
        await pilot.press("enter")
        await until(lambda: app.chat.answering.turn is None and answers(app))
        assert answers(app)[0].text == line
        assert "more characters are stored, not shown" in screen_text(app)


@pytest.mark.parametrize("piece", ["[", "> ", "- ", "![]("])
async def test_markdown_made_to_be_slow_is_drawn_all_the_same(chat: Chat, piece: str) -> None:
    """Twenty thousand openings of something that never closes."""
    chat.generator = FakeGenerator(piece * 20_000)
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        assert answers(app)[0].text.strip()


def test_one_line_keeps_one_line_of_the_wanted_length() -> None:
    """Titles and quotes in lists take one row, whatever they hold."""
    assert one_line("a\n\n b\tc\x1b[2J", 80) == "a b c[2J"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
