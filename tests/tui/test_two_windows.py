"""Two windows on one file: what happens in one is soon seen in the other."""

from __future__ import annotations

import asyncio

from chatapp.conversations.types import Outcome, StoredCitation
from chatapp.tui.app import ChatApp
from tests.tui.conftest import Chat, answers, ask, ready, screen_text, until


def titles(app: ChatApp) -> list[str]:
    return [conversation.title for conversation in app.chat.sidebar.conversations]


async def test_what_another_window_writes_appears_here(chat: Chat) -> None:
    """A new chat in the list, a new title, an answer that grows, and its end."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        assert here is not None
        with chat.store_open() as other:
            other.create("From the other window")
            other.rename(here, "Renamed over there")
            await until(lambda: "From the other window" in titles(app))
            await until(lambda: "Renamed over there" in screen_text(app))
            turn = other.begin_turn(here, "and you?").result()
            other.save_text(turn.assistant.id, "I am being").result()
            await until(lambda: "being written in another window" in screen_text(app))
            assert "I am being" in screen_text(app)
            done = Outcome("I am being written.", "complete", "stop", grounding="model")
            other.finish(turn.assistant.id, done).result()
        await until(lambda: "I am being written." in screen_text(app))
        await until(lambda: "in another window" not in screen_text(app))
        assert [a.text for a in answers(app)][-1] == "I am being written."


async def test_a_conversation_deleted_elsewhere_is_closed_here(chat: Chat) -> None:
    """The window says so and shows a new, empty conversation."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        assert here is not None
        with chat.store_open() as other:
            other.delete(here)
        await until(lambda: "was deleted in another window" in screen_text(app))
        assert app.chat.reading.conversation_id is None


async def test_our_own_answers_are_not_drawn_twice(chat: Chat) -> None:
    """The look that follows an answer of this window finds the same and leaves it in place."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await ask(pilot, "hello again")
        views = app.chat.transcript.views()
        assert all(entry.message_id for entry in app.chat.transcript.entries)
        with chat.store_open() as other:
            other.create("a change elsewhere")
        await until(lambda: "a change elsewhere" in titles(app))
        assert app.chat.transcript.views() == views


async def test_a_round_written_elsewhere_does_not_move_the_reader(chat: Chat) -> None:
    """It is appended: the selected answer stays selected, and what is read stays in sight."""
    app = chat.app()
    async with app.run_test(size=(100, 20)) as pilot:
        await ready(app)
        for _ in range(4):
            await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        assert here is not None
        transcript = app.chat.transcript
        await transcript.go_to(transcript.entries[1])
        await until(lambda: app.chat.selected is transcript.entries[1])
        await until(lambda: not transcript.is_vertical_scroll_end)
        await pilot.pause()
        before, views = transcript.scroll_y, transcript.views()
        with chat.store_open() as other:
            turn = other.begin_turn(here, "and you?").result()
            done = Outcome("I am fine.", "complete", "stop", grounding="model")
            other.finish(turn.assistant.id, done).result()
        await until(lambda: len(transcript.entries) == 10)
        await pilot.pause()
        assert app.chat.selected is transcript.entries[1]
        assert transcript.views() == views
        assert transcript.scroll_y == before
        await pilot.press("end")
        await until(lambda: "I am fine." in screen_text(app))


async def test_the_quotes_of_an_answer_written_elsewhere_are_shown_here(chat: Chat) -> None:
    """Once it is done over there, its steps name what it cites, without opening it again."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        assert here is not None
        with chat.store_open() as other:
            turn = other.begin_turn(here, "where is it?").result()
            other.save_text(turn.assistant.id, "It is").result()
            await until(lambda: "being written in another window" in screen_text(app))
            quote = StoredCitation(1, "It hangs in Paris.", "Mona Lisa", "", "d", "p", 0, 18, 1.0)
            done = Outcome("It hangs in Paris. [1]", "complete", "stop", citations=(quote,))
            other.finish(turn.assistant.id, done).result()
        await until(lambda: "▸ 1 page opened, 1 quote" in screen_text(app))


async def test_what_another_window_wrote_is_not_shown_in_a_conversation_opened_meanwhile(
    chat: Chat,
) -> None:
    """It was read for the conversation that was on the screen then."""
    app = chat.app()
    async with app.run_test(size=(100, 20)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        assert here is not None
        with chat.store_open() as other:
            written = other.messages(here)
        async with app.chat.reading.switching:
            appending = asyncio.create_task(app.chat.reading.extend(here, written))
            await asyncio.sleep(0)  # it waits for what is being opened
            app.chat.reading.conversation_id = None
            await app.chat.transcript.show([])
        await appending
        assert app.chat.transcript.entries == []
