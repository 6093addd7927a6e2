"""Nothing typed is lost and nothing crashes when things happen at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from textual import events
from textual.widgets import Button, OptionList

from chatapp.assistant.events import Event
from chatapp.conversations.types import NotFound, StorageError
from chatapp.tui import actions, in_step
from chatapp.tui.entries import Question
from chatapp.tui.library import Library, Loaded
from chatapp.tui.screens.search import SearchScreen
from chatapp.tui.widgets.trouble_panel import TroublePanel
from tests.fakes import FakeGenerator
from tests.tui.conftest import WAIT_SECONDS, Chat, answers, ask, ready, screen_text, until

PASTED = "0123456789" * 1000


async def test_a_long_paste_in_a_draft_outlives_what_is_sent_elsewhere(chat: Chat) -> None:
    """A draft with a folded paste waits while another conversation goes on."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        app.chat.composer.post_message(events.Paste(PASTED))
        await until(lambda: "10,000 characters]" in app.chat.composer.text)
        await pilot.press("ctrl+n")
        await until(lambda: app.chat.reading.conversation_id is None and not app.chat.composer.text)
        await ask(pilot, "hello")
        await app.chat.reading.open(here)
        assert app.chat.composer.value == PASTED


async def test_what_is_typed_while_the_last_conversation_is_read_stays(chat: Chat) -> None:
    """The input works from the first frame; opening the last conversation leaves it alone."""
    with chat.store_open() as store:
        store.begin_turn(None, "an old question").result()
    opened = threading.Event()
    chat.opening = lambda: opened.wait(WAIT_SECONDS)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h", "i")
        show = app.chat.transcript.show

        async def typing_meanwhile(entries: list[object]) -> None:
            app.chat.composer.insert(" there")
            await show(entries)  # type: ignore[arg-type]

        app.chat.transcript.show = typing_meanwhile  # type: ignore[assignment,method-assign]
        opened.set()
        await until(lambda: app.chat.transcript.entries)
        await ready(app)
        assert app.chat.composer.text == "hi there"


async def test_what_is_typed_while_a_conversation_opens_belongs_to_it(chat: Chat) -> None:
    """`/private` and on without waiting: the draft of the one left gets none, and none is lost."""
    with chat.store_open() as store:
        here = store.begin_turn(None, "an old question").result().conversation.id
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        show = app.chat.transcript.show

        async def typing_meanwhile(entries: list[object]) -> None:
            app.chat.composer.insert("ret")
            await show(entries)  # type: ignore[arg-type]

        app.chat.transcript.show = typing_meanwhile  # type: ignore[assignment,method-assign]
        app.chat.composer.insert("/private")
        app.chat.composer.action_send()
        app.chat.composer.insert("sec")
        await until(lambda: app.chat.reading.conversation_id != here)
        await until(lambda: app.chat.composer.text == "secret")
        await until(lambda: app.chat.reading.left is None, "the command is done")
        with chat.store_open() as store:
            assert store.draft(here) == ""
            store.save_draft(here, "before")
        await app.chat.reading.open(here)
        assert app.chat.composer.text == "before\nret"
        private = next(c.id for c in app.chat.sidebar.conversations if c.private)
        await until(lambda: stored(chat, private) == "secret")
        await pilot.pause()


async def test_a_stored_draft_stays_when_one_types_before_it_is_read(chat: Chat) -> None:
    """It comes back before what was typed while the conversations were opened."""
    with chat.store_open() as store:
        store.save_draft(None, "half a thought")
    opened = threading.Event()
    chat.opening = lambda: opened.wait(WAIT_SECONDS)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h", "i")
        opened.set()
        await ready(app)
        await until(lambda: app.chat.composer.text == "half a thought\nhi")
        await until(lambda: stored(chat, None) == "half a thought\nhi")


async def test_what_is_typed_right_after_enter_is_the_next_message(chat: Chat) -> None:
    """Sending may have to wait for a moment; it does not swallow the keys after Enter."""
    app = chat.app()
    async with app.run_test(size=(120, 40)):
        await ready(app)
        async with app.chat.reading.switching:
            app.chat.composer.insert("hello")
            app.chat.composer.action_send()
            app.chat.composer.insert("next")
        await until(
            lambda: app.chat.answering.turn is None and len(app.chat.transcript.entries) == 2
        )
        assert app.chat.transcript.entries[0].text == "hello"
        assert app.chat.composer.text == "next"


async def test_a_message_sent_while_an_answer_runs_comes_back_into_the_input(chat: Chat) -> None:
    """One answer at a time: the second message waits in the input, whole."""
    chat.generator = FakeGenerator("word " * 400, delay=0.01)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        app.chat.composer.insert("hello")
        await pilot.press("enter")
        await until(lambda: answers(app) and answers(app)[0].text)
        app.chat.composer.insert("and another one")
        await pilot.press("enter")
        await until(lambda: "One answer at a time" in screen_text(app))
        assert app.chat.composer.text == "and another one"
        await pilot.press("escape")
        await until(lambda: app.chat.answering.turn is None)


async def test_two_answers_never_start_at_once(chat: Chat) -> None:
    """Enter and Ctrl+R in the same moment: the message is answered, the answer before stays."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        (first,) = answers(app)
        app.chat.answering.send("hello again")
        await actions.run(app.chat, "regenerate")
        await until(lambda: app.chat.answering.turn is None)
        assert answers(app)[0] is first
        assert len(app.chat.transcript.entries) == 4


async def test_a_message_to_a_conversation_deleted_in_another_window_comes_back(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be stored there: the reason is shown and the message is in the input again.

    A moment later the window would have seen by itself that the conversation is gone.
    """
    monkeypatch.setattr(in_step, "SECONDS", 3600)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        assert here is not None
        with chat.store_open() as store:
            store.delete(here)
        app.chat.composer.insert("are you still there?")
        await pilot.press("enter")
        await until(lambda: "is deleted" in screen_text(app))
        await until(lambda: app.chat.composer.text == "are you still there?")


async def test_an_edit_that_fails_comes_back_as_an_edit_of_its_conversation(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent once more it is a branch; while another conversation is read it waits as a draft."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        (question, _) = app.chat.transcript.entries
        assert isinstance(question, Question)
        go_on = asyncio.Event()

        async def failing(*arguments: object, **named: object) -> AsyncIterator[Event]:
            await go_on.wait()
            raise StorageError("The disk is full.", "Make room.")
            yield

        assistant = await app.chat.backend.assistant()
        monkeypatch.setattr(assistant, "edit", failing)
        app.chat.composer.begin_edit(question)
        app.chat.composer.set_draft("hello, edited")
        await pilot.press("enter")
        await until(lambda: app.chat.answering.turn is not None)
        go_on.set()
        await until(lambda: app.chat.composer.text == "hello, edited")
        assert "editing an earlier message" in str(app.chat.composer.border_title)
        go_on.clear()
        await pilot.press("enter")
        await until(lambda: app.chat.answering.turn is not None)
        await app.chat.reading.open(None)
        go_on.set()
        await until(lambda: app.chat.answering.turn is None)
        await until(lambda: stored(chat, here) == "hello, edited")
        assert app.chat.composer.text == ""


async def test_a_conversation_that_is_gone_is_a_hint_and_changes_nothing(chat: Chat) -> None:
    """Opening it from the list or the search: said in a line, the one on screen stays."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        await pilot.press("ctrl+n")
        await until(lambda: app.chat.reading.conversation_id is None)

        async def gone(conversation_id: str) -> Loaded:
            raise NotFound(f"There is no conversation {conversation_id}.")

        assert isinstance(app.chat.reading.library, Library)
        app.chat.reading.library.load = gone  # type: ignore[method-assign]
        app.chat.sidebar.focus_list()
        await pilot.press("home", "enter")
        await until(lambda: f"There is no conversation {here}." in screen_text(app))
        assert app.chat.reading.conversation_id is None
        app.chat.hint("")
        await pilot.press("ctrl+f", *"hello")
        await until(lambda: app.screen.query_one(OptionList).option_count)
        await pilot.press("enter")
        await until(lambda: not isinstance(app.screen, SearchScreen))
        await until(lambda: f"There is no conversation {here}." in screen_text(app))


async def test_resuming_an_unknown_conversation_says_so_and_opens_the_last(chat: Chat) -> None:
    """A wrong id: the reason on a panel that can be closed, and a chat that works."""
    with chat.store_open() as store:
        last = store.begin_turn(None, "an old question").result().conversation
    app = chat.app(resume="nonsense")
    async with app.run_test(size=(120, 40)):
        await ready(app)
        assert app.chat.reading.conversation_id == last.id
        await until(lambda: "nonsense" in screen_text(app))
        app.query_one("#trouble-close", Button).press()
        await until(lambda: not app.chat.query(TroublePanel))


async def test_a_hint_stays_its_time_whatever_was_hinted_before(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of an earlier hint does not take the later one along."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        monkeypatch.setattr("chatapp.tui.screens.chat.HINT_SECONDS", 0.05)
        app.chat.hint("first")
        monkeypatch.setattr("chatapp.tui.screens.chat.HINT_SECONDS", WAIT_SECONDS)
        app.chat.hint("second")
        await pilot.pause(0.2)
        assert app.chat.status.hint == "second"


async def test_a_paste_on_an_answer_lands_in_the_input(chat: Chat) -> None:
    """The focus is on an answer, say after a passage was closed: the paste is not dropped."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("shift+tab")
        app.post_message(events.Paste("pasted words"))
        await until(lambda: app.chat.composer.text == "pasted words")
        await until(lambda: app.focused is app.chat.composer)
        await pilot.press("ctrl+underscore")
        await until(lambda: not app.chat.composer.text)


def stored(chat: Chat, conversation_id: str | None) -> str:
    """Return the draft as another program reads it."""
    with chat.store_open() as store:
        return store.draft(conversation_id)
