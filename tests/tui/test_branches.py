"""Nothing is overwritten: versions of answers and questions, and the tree that holds them all."""

from __future__ import annotations

from textual.widgets import OptionList

from chatapp.conversations.types import Message
from chatapp.tui.app import ChatApp
from chatapp.tui.branches import branch_rows
from chatapp.tui.entries import place_of
from chatapp.tui.screens.tree import TreeScreen
from tests.fakes import FakeGenerator
from tests.tui.conftest import Chat, answers, ask, ready, screen_text, until


async def test_a_regenerated_answer_keeps_the_first_one_a_key_away(chat: Chat) -> None:
    """Ctrl+R writes a second version; Left on the answer shows the first, Right the second."""
    chat.generator = model = FakeGenerator("The first answer.")
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        model.reply = "The second answer."
        await pilot.press("ctrl+r")
        await until(lambda: "The second answer." in screen_text(app))
        await until(lambda: "‹ 2 of 2 ›" in screen_text(app))
        await pilot.press("shift+tab", "left")
        await until(lambda: "The first answer." in screen_text(app))
        assert "The second answer." not in screen_text(app)
        await until(lambda: "‹ 1 of 2 ›" in screen_text(app))
        await until(lambda: app.focused is app.chat.transcript.views()[-1])
        await pilot.press("right")
        await until(lambda: "The second answer." in screen_text(app))
        await pilot.press("right")
        await until(lambda: "no other version on this side" in screen_text(app))


async def test_an_edited_question_begins_a_branch_and_the_old_one_stays(chat: Chat) -> None:
    """e on the first of two questions: what followed it is on the other version."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await ask(pilot, "hello again")
        app.chat.composer.insert("a half-typed thought")
        await select(app, 0)
        await pilot.press("e")
        await until(lambda: app.chat.composer.text == "hello")
        assert "editing an earlier message" in screen_text(app)
        app.chat.composer.set_draft("hello, edited")
        await pilot.press("enter")
        await until(lambda: texts(app)[:1] == ["hello, edited"] and not app.chat.answering.turn)
        assert len(app.chat.transcript.entries) == 2
        assert app.chat.composer.text == "a half-typed thought"
        await until(lambda: place_of(app.chat.transcript.entries[0]) == (2, 2))
        await select(app, 0)
        await pilot.press("left")
        await until(lambda: len(app.chat.transcript.entries) == 4)
        assert texts(app)[0] == "hello"


async def test_a_command_that_answers_again_shows_its_answer(chat: Chat) -> None:
    """/edit with words is the shared registry's: its branch is on the screen."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        app.chat.composer.insert("/edit thank you")
        await pilot.press("enter")
        await until(lambda: texts(app)[:1] == ["thank you"])
        await until(lambda: not app.chat.answering.turn and answers(app)[0].text)
        await until(lambda: "Hello there, how can I help?" in screen_text(app))
        app.chat.composer.insert("/switch")
        await pilot.press("enter")
        await until(lambda: texts(app)[:1] == ["hello"])


async def test_escape_leaves_an_edit_and_brings_the_draft_back(chat: Chat) -> None:
    """Nothing is sent and nothing typed before is lost."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        app.chat.composer.insert("a draft")
        await select(app, 0)
        await pilot.press("e")
        await until(lambda: app.chat.composer.text == "hello")
        await pilot.press("escape")
        assert app.chat.composer.text == "a draft"
        assert len(app.chat.transcript.entries) == 2


async def test_the_tree_shows_all_branches_and_opens_the_chosen_one(chat: Chat) -> None:
    """t on a message: Left finds the other branch, Enter reads it."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await ask(pilot, "hello again")
        app.chat.answering.send(
            "hello, edited",
            instead_of=app.chat.transcript.entries[0],  # type: ignore[arg-type]
        )
        await until(lambda: app.chat.answering.turn is None)
        await select(app, 0)
        await pilot.press("t")
        await until(lambda: isinstance(app.screen, TreeScreen))
        await until(lambda: "6 messages, 2 branches" in screen_text(app))
        assert "● you    hello, edited" in screen_text(app)
        assert "├─○ you    hello" in screen_text(app)
        await pilot.press("left")
        assert app.screen.query_one(OptionList).highlighted == 0
        await pilot.press("enter")
        await until(lambda: texts(app)[0] == "hello")
        assert len(answers(app)) == 2


def test_rows_of_a_tree_stay_narrow_where_every_answer_was_regenerated() -> None:
    """The branch being read goes on at depth 0; alternatives stand before it, indented once."""
    messages = []
    parent = None
    for turn in range(100):
        messages.append(message(f"q{turn}", parent))
        messages.append(message(f"a{turn}", f"q{turn}"))
        messages.append(message(f"b{turn}", f"q{turn}"))
        parent = f"b{turn}"
    rows = branch_rows(messages, "b99")
    assert [row.message.id for row in rows[:4]] == ["q0", "a0", "b0", "q1"]
    assert {row.depth for row in rows if row.current} == {0}
    assert {row.depth for row in rows} == {0, 1}
    assert [row.message.id for row in rows if row.begins] == [f"a{turn}" for turn in range(100)]
    assert len(rows) == 300


def test_the_tree_of_a_very_long_conversation_needs_no_recursion() -> None:
    """5,000 messages in one line are 5,000 rows."""
    messages = [message(str(n), str(n - 1) if n else None) for n in range(5000)]
    assert len(branch_rows(messages, "4999")) == 5000


def message(message_id: str, parent: str | None) -> Message:
    """Return a message that answers `parent`."""
    return Message(message_id, "c", parent, "user", message_id, "complete", "2026-01-01")


def texts(app: ChatApp) -> list[str]:
    """Return the texts of the branch on the screen."""
    return [entry.text for entry in app.chat.transcript.entries]


async def select(app: ChatApp, place: int) -> None:
    """Select the message at `place` of the mounted ones."""
    app.chat.transcript.views()[place].focus()
    await until(lambda: app.focused is app.chat.transcript.views()[place])
    await until(lambda: app.chat.selected is app.chat.transcript.entries[place])
