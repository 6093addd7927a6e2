"""What does not work is said in place, with the fix; what was typed stays."""

from __future__ import annotations

import threading

from chatapp.conversations import StorageError
from chatapp.memory import Profile
from chatapp.tui.screens.help import HelpScreen
from chatapp.tui.widgets.trouble_panel import TroublePanel
from tests.fakes import FakeGenerator
from tests.tui.conftest import WAIT_SECONDS, Chat, answers, ask, ready, screen_text, until

LOCKED = StorageError("The conversations are locked.", "Close the other window.")


async def test_a_database_that_cannot_be_opened_is_explained(chat: Chat) -> None:
    """Message and fix stand on the screen; the message typed meanwhile comes back."""
    chat.open_error = LOCKED
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: "The conversations are locked." in screen_text(app))
        assert "Fix: Close the other window." in screen_text(app)
        await until(lambda: "✕ conversations not open" in screen_text(app))
        app.chat.composer.insert("do not lose me")
        await pilot.press("enter")
        await until(
            lambda: app.chat.answering.turn is None and app.chat.composer.text == "do not lose me"
        )


async def test_one_can_chat_on_without_saving(chat: Chat) -> None:
    """The way on when the disk is not to be had: an answer now, no file."""
    chat.open_error = LOCKED
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: "Chat without saving" in screen_text(app))
        await pilot.click("#trouble-unsaved")
        await ready(app)
        await ask(pilot, "hello")
        assert answers(app)[0].text == "Hello there, how can I help?"
    assert not chat.database.exists()


async def test_trying_again_opens_what_was_locked(chat: Chat) -> None:
    """The other window was closed: Try again is enough."""
    chat.open_error = LOCKED
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: "Try again" in screen_text(app))
        chat.open_error = None
        await pilot.click("#trouble-retry")
        await ready(app)
        assert not app.chat.query(TroublePanel)


async def test_a_missing_model_leaves_cited_answers(chat: Chat) -> None:
    """No model: said with its reason; a question about the sources is still answered."""
    chat.load_error = RuntimeError("There is no model in this directory.")
    app = chat.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await until(lambda: app.chat.status.state == "failed")
        await until(lambda: "There is no model in this directory." in screen_text(app))
        await ask(pilot, "Who painted the Mona Lisa?")
        assert answers(app)[0].grounding == "grounded"


async def test_a_damaged_database_is_set_aside_and_said(chat: Chat) -> None:
    """The app opens, names the file it kept, and works."""
    chat.database.write_bytes(b"this is no database" * 1000)
    app = chat.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app)
        await until(lambda: ".corrupt-" in screen_text(app))
        assert "Try again" not in screen_text(app)
        await pilot.click("#trouble-close")
        await until(lambda: not app.chat.query(TroublePanel))
        await ask(pilot, "hello")
        assert answers(app)[0].finish_reason == "stop"


async def test_an_engine_that_breaks_mid_answer_is_told_below_what_it_wrote(chat: Chat) -> None:
    """The error stands under the partial text, in words."""
    chat.generator = FakeGenerator("one two three four", fail_after=2)
    app = chat.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        (answer,) = answers(app)
        assert answer.failed
        assert answer.text.startswith("one two")
        assert "Traceback" not in screen_text(app)
        assert answer.notes


async def test_a_problem_of_several_lines_stays_to_be_read(chat: Chat) -> None:
    """Several memories fit: the ids that one is asked to choose from stand in the transcript."""
    with chat.store_open() as store:
        profile = Profile(store)
        for thing in ("tea", "tea cake"):
            profile.remember(f"I like {thing}")
        ids = [fact.id for fact in profile.facts()]
    app = chat.app()
    async with app.run_test(size=(80, 30)) as pilot:
        await ready(app)
        app.chat.composer.insert("/forget tea")
        await pilot.press("enter")
        await until(lambda: all(id in screen_text(app) for id in ids))
        assert not app.chat.status.hint


async def test_a_tiny_terminal_still_shows_the_input_and_the_answer(chat: Chat) -> None:
    """40 columns by 12 rows, and growing from there."""
    app = chat.app()
    async with app.run_test(size=(40, 12)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        assert "Hello there" in screen_text(app)
        assert "Ask anything" in screen_text(app)
        await pilot.resize_terminal(160, 50)
        await until(lambda: "Conversations" in screen_text(app))
        await pilot.resize_terminal(20, 5)
        await pilot.press("f1")
        await until(lambda: isinstance(app.screen, HelpScreen))


async def test_one_can_leave_while_the_model_still_loads(chat: Chat) -> None:
    """Ctrl+Q does not wait for what is only being got ready."""
    loaded = threading.Event()
    chat.loading = lambda: loaded.wait(WAIT_SECONDS)
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: app.chat.status.state == "loading")
        await pilot.press("ctrl+q")
        await until(lambda: app.return_value == 0)
        loaded.set()
