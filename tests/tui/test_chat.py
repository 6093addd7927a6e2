"""The chat as a person uses it, from the first question to the restart after a crash."""

from __future__ import annotations

import threading

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from chatapp.assistant.commands import COMMANDS
from chatapp.tui.app import ChatApp
from chatapp.tui.screens.help import HelpScreen
from chatapp.tui.screens.passage import PassageScreen
from chatapp.tui.screens.prompt import PromptScreen
from chatapp.tui.screens.search import SearchScreen
from chatapp.tui.widgets.recovery_banner import RecoveryBanner
from tests.fakes import FakeGenerator
from tests.tui.conftest import WAIT_SECONDS, Chat, answers, ask, ready, screen_text, until

QUESTION = "Who painted the Mona Lisa?"


async def test_a_question_is_answered_with_a_quote_that_opens_in_its_source(chat: Chat) -> None:
    """Type a question, see `[1]`, press 1 on the answer: the quote is marked in its document."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        (answer,) = answers(app)
        assert "[1]" in answer.text
        assert answer.grounding == "grounded"
        assert "✓ grounded in" in screen_text(app)
        assert app.chat.sources.display
        await pilot.press("shift+tab", "1")
        await until(lambda: isinstance(app.screen, PassageScreen))
        await until(lambda: "the quote stands in the stored text" in screen_text(app))
        assert "test:Mona Lisa" in screen_text(app)
        assert "It hangs in Paris." in screen_text(app)


async def test_the_sources_panel_opens_the_passage_with_enter(chat: Chat) -> None:
    """Ctrl+O goes to the quotes, Enter opens the first one, Esc comes back."""
    app = chat.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        assert not app.chat.sources.display
        await pilot.press("ctrl+o")
        await until(lambda: isinstance(app.focused, OptionList))
        await pilot.press("down", "enter")
        await until(lambda: isinstance(app.screen, PassageScreen))
        await pilot.press("escape")
        await until(lambda: app.screen is app.chat)


async def test_a_click_on_a_citation_opens_it(chat: Chat) -> None:
    """`[1]` in the text of the answer is a link to its passage."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        x, y = place_of(app, "[1]")
        await pilot.click(offset=(x + 1, y))
        await until(lambda: isinstance(app.screen, PassageScreen))


async def test_a_question_outside_the_sources_says_so(chat: Chat) -> None:
    """No quote: the badge and the text say that nothing was found."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "What is the melting point of tungsten?")
        assert answers(app)[0].grounding == "not_found"
        assert "∅ not found in the sources" in screen_text(app)


async def test_a_greeting_is_answered_by_the_model_and_fills_the_meter(chat: Chat) -> None:
    """The badge says where it comes from, the status bar what it cost."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        assert answers(app)[0].grounding == "model"
        assert "○ from the model, no sources" in screen_text(app)
        assert "/1,024" in screen_text(app)


async def test_a_message_sent_while_the_model_loads_is_answered_when_it_is_there(
    chat: Chat,
) -> None:
    """Typing is possible at once; the answer waits for the model, not the person."""
    loaded = threading.Event()
    chat.loading = lambda: loaded.wait(WAIT_SECONDS)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(lambda: app.chat.status.state == "loading")
        await write(pilot, app, "hello")
        await until(lambda: len(app.chat.transcript.entries) == 2)
        assert app.chat.answering.turn is not None
        loaded.set()
        await until(lambda: app.chat.answering.turn is None)
        assert answers(app)[0].text == "Hello there, how can I help?"


async def test_a_message_sent_before_the_conversations_are_open_is_not_painted_over(
    chat: Chat,
) -> None:
    """The quickest typist: Enter before the database is open still starts a new conversation."""
    with chat.store_open() as store:
        old = store.begin_turn(None, "an old question").result().conversation
    opened = threading.Event()
    chat.opening = lambda: opened.wait(WAIT_SECONDS)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await write(pilot, app, "hello")
        await until(lambda: app.chat.answering.turn is not None)
        opened.set()
        await until(lambda: app.chat.answering.turn is None and answers(app))
        await until(lambda: len(app.chat.sidebar.conversations) == 2)
        assert app.chat.transcript.entries[0].text == "hello"
        assert answers(app)[0].text == "Hello there, how can I help?"
        assert app.chat.reading.conversation_id not in (None, old.id)


async def test_a_pasted_megabyte_folds_in_the_input_and_is_stored_whole(chat: Chat) -> None:
    """The marker stands for the text: typing stays quick, and every character is sent."""
    app = chat.app()
    pasted = "0123456789" * 100_000
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        app.chat.composer.post_message(events.Paste(pasted))
        await until(lambda: "1,000,000 characters]" in app.chat.composer.text)
        await pilot.press("!", "enter")
        await until(
            lambda: app.chat.answering.turn is None and len(app.chat.transcript.entries) == 2
        )
        assert app.chat.transcript.entries[0].text == pasted + "!"
        assert "1,000,001 characters" in answers(app)[0].notes[0]


async def test_up_and_down_walk_through_what_was_sent(chat: Chat) -> None:
    """Up brings the last message back, down the draft that was left."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await ask(pilot, "hello again")
        app.chat.composer.insert("a draft")
        await pilot.press("up", "up")
        assert app.chat.composer.text == "hello"
        await pilot.press("down", "down")
        assert app.chat.composer.text == "a draft"


async def test_ctrl_j_adds_a_line_and_enter_sends_both(chat: Chat) -> None:
    """The input grows with its lines."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await pilot.press("h", "i", "ctrl+j", "y", "o", "u", "enter")
        await until(lambda: [e.text for e in app.chat.transcript.entries[:1]] == ["hi\nyou"])


async def test_a_command_is_completed_from_the_menu(chat: Chat) -> None:
    """Typing `/reg` and Tab makes `/regenerate`."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await pilot.press("slash", "r", "e", "g")
        await until(lambda: app.chat.menu.display)
        await pilot.press("tab")
        assert app.chat.composer.text == "/regenerate "


async def test_a_question_mark_in_the_empty_input_opens_the_help(chat: Chat) -> None:
    """It lists the keys and every command of the registry."""
    app = chat.app()
    async with app.run_test(size=(120, 60)) as pilot:
        await ready(app)
        await pilot.press("question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen))
        text = str(app.screen.query_one(".help-text", Static).content)
        assert "Ctrl+N" in text
        assert all(f"/{command.name}" in text for command in COMMANDS)


async def test_typing_while_the_help_is_open_goes_into_the_input(chat: Chat) -> None:
    """Only "?" and the keys that close it are the help's own; no letter of a question is lost."""
    app = chat.app()
    async with app.run_test(size=(120, 60)) as pilot:
        await ready(app)
        for opened in range(3):
            await pilot.press("question_mark")
            await until(lambda shown=opened % 2 == 0: isinstance(app.screen, HelpScreen) is shown)
        await pilot.press("enter")
        await until(lambda: app.screen is app.chat)
        await pilot.press("question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen))
        help_screen = app.screen
        for letter in "quiet":  # in one go: the help has all of them in its queue
            help_screen.post_message(events.Key(letter, letter))
        await until(lambda: app.chat.composer.text == "quiet")
        assert app.screen is app.chat


async def test_escape_keeps_the_partial_answer_and_it_can_be_continued(chat: Chat) -> None:
    """Esc stops; what was written stays on screen and on disk; Ctrl+G goes on from there."""
    chat.generator = FakeGenerator("word " * 400, delay=0.01)
    app = chat.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await write(pilot, app, "hello")
        await until(lambda: answers(app) and answers(app)[0].text.count("word") > 3)
        await pilot.press("escape")
        await until(lambda: app.chat.answering.turn is None)
        (answer,) = answers(app)
        stopped = answer.text
        assert answer.interrupted
        assert 3 < stopped.count("word") < 400
        assert "Interrupted; the text is kept." in screen_text(app)
        await pilot.press("ctrl+g")
        await until(lambda: answer.text.startswith(stopped) and len(answer.text) > len(stopped))
        await pilot.press("ctrl+c")
        await until(lambda: app.chat.answering.turn is None)
    with chat.store_open() as store:
        conversation = store.latest()
        assert conversation is not None
        kept = store.messages(conversation.id)[-1]
        assert kept.status == "interrupted"
        assert kept.text == answer.text


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_a_summary_that_is_being_written_can_be_stopped(chat: Chat, key: str) -> None:
    """Esc and Ctrl+C stop it like an answer; none is kept, and the chat goes on."""
    model = chat.generator = FakeGenerator("A word.")
    app = chat.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await write(pilot, app, "hello")
        await until(lambda: answers(app) and app.chat.answering.turn is None)
        model.reply, model.delay = "word " * 4000, 0.01
        await write(pilot, app, "/summary write")
        await until(lambda: model.prompts[-1][-1].content.startswith("Summarise"))
        await until(lambda: "Esc stops" in screen_text(app))
        await pilot.press(key)
        await until(lambda: "Stopped; no summary was written." in screen_text(app))
        await until(lambda: "Esc stops" not in screen_text(app))


async def test_an_answer_at_its_longest_can_be_continued_after_the_next_start(chat: Chat) -> None:
    """That it ended at the limit of tokens is known from the store."""
    chat.generator = FakeGenerator("word " * 300)
    app = chat.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        assert answers(app)[0].text.count("word") == 256
    again = chat.app()
    async with again.run_test(size=(80, 24)) as pilot:
        await ready(again)
        await pilot.press("ctrl+g")
        await until(lambda: answers(again)[0].text.count("word") == 300)


async def test_regenerate_replaces_the_answer_on_screen(chat: Chat) -> None:
    """Ctrl+R asks again; the conversation still shows one answer, the store has both."""
    app = chat.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        first = answers(app)[0].message_id
        await pilot.press("ctrl+r")
        await until(lambda: app.chat.answering.turn is None and answers(app)[0].message_id != first)
        assert len(answers(app)) == 1
    with chat.store_open() as store:
        assert len(store.siblings(first)) == 2


async def test_the_last_conversation_is_there_after_a_restart(chat: Chat) -> None:
    """Leave, come back: the same conversation, with its citations."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
    again = chat.app()
    async with again.run_test(size=(120, 40)):
        await ready(again)
        assert again.chat.transcript.entries[0].text == QUESTION
        assert answers(again)[0].citations[0].title == "Mona Lisa"


async def test_an_answer_cut_by_a_crash_is_offered_again(chat: Chat) -> None:
    """A dead process left half an answer: it is shown, and nothing happens until one chooses."""
    with chat.store_open() as store:
        started = store.begin_turn(None, "hello").result()
        store.save_text(started.assistant.id, "Hello th").result()
    chat.forget_owner(started.assistant.id)
    app = chat.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await until(lambda: "The last answer was interrupted." in screen_text(app))
        assert "Hello th" in screen_text(app)
        assert app.chat.answering.turn is None
        await pilot.click("#recover-regenerate")
        await until(
            lambda: app.chat.answering.turn is None and answers(app)[0].finish_reason == "stop"
        )
        assert answers(app)[0].text == "Hello there, how can I help?"
        assert not app.chat.query(RecoveryBanner)


async def test_a_running_answer_survives_a_look_at_another_conversation(chat: Chat) -> None:
    """Switch away while it streams and back again: the answer goes on and ends."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        other = app.chat.reading.conversation_id
        await pilot.press("ctrl+n")
        chat.generator.reply, chat.generator.delay = "word " * 200, 0.02  # type: ignore[attr-defined]
        await write(pilot, app, "hello")
        await until(lambda: answers(app) and "word" in answers(app)[-1].text)
        running = app.chat.reading.conversation_id
        await app.chat.reading.open(other)
        assert app.chat.transcript.entries[0].text == QUESTION
        await app.chat.reading.open(running)
        assert app.chat.answering.turn is not None
        await until(lambda: app.chat.answering.turn is None)
        assert answers(app)[-1].text.count("word") == 200
        assert app.chat.transcript.answer(answers(app)[-1]) is not None


async def test_a_draft_waits_in_its_conversation(chat: Chat) -> None:
    """Half a message stays where it was typed when one looks elsewhere."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        here = app.chat.reading.conversation_id
        app.chat.composer.insert("half a thought")
        await pilot.press("ctrl+n")
        await until(lambda: app.chat.reading.conversation_id is None and not app.chat.composer.text)
        await app.chat.reading.open(here)
        assert app.chat.composer.text == "half a thought"


async def test_delete_can_be_undone(chat: Chat) -> None:
    """/delete takes it off the list, /undo brings it back and opens it."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        await write(pilot, app, "/delete")
        await until(lambda: app.chat.reading.conversation_id is None)
        await until(lambda: not app.chat.sidebar.conversations)
        await write(pilot, app, "/undo")
        await until(lambda: app.chat.reading.conversation_id == here)
        await until(lambda: len(app.chat.sidebar.conversations) == 1)


async def test_rename_asks_for_the_title_and_shows_it(chat: Chat) -> None:
    """F2, type, Enter: the list and the heading carry the new title."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("f2")
        await until(lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = "Greetings"
        await pilot.press("enter")
        await until(lambda: app.screen is app.chat)
        await until(lambda: app.chat.sidebar.conversations[0].title == "Greetings")
        assert str(app.chat.query_one("#title", Static).content) == "Greetings"


async def test_search_finds_a_message_and_opens_its_conversation(chat: Chat) -> None:
    """Ctrl+F, a word, Enter: the conversation that has it is open."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, QUESTION)
        wanted = app.chat.reading.conversation_id
        await pilot.press("ctrl+n")
        await ask(pilot, "hello")
        await pilot.press("ctrl+f")
        await until(lambda: isinstance(app.screen, SearchScreen))
        app.screen.query_one(Input).value = "Leonardo"
        await until(lambda: app.screen.query_one(OptionList).option_count)
        await pilot.press("enter")
        await until(lambda: app.chat.reading.conversation_id == wanted)


async def test_a_registry_command_without_a_screen_of_its_own_shows_its_text(chat: Chat) -> None:
    """/calc is the shared registry's; its result stands in the transcript, stored nowhere."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await write(pilot, app, "/calc 6 * 7")
        await until(lambda: "42" in screen_text(app))
        assert app.chat.transcript.entries == []


async def test_a_tool_can_be_the_first_thing_in_a_new_conversation(chat: Chat) -> None:
    """/tool answers as a turn does; before any message it opens the conversation that it begins."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await write(pilot, app, "/tool calculator 6 * 7")
        await until(lambda: "42" in screen_text(app))
        assert app.chat.reading.conversation_id is not None
        await until(lambda: app.chat.answering.turn is None)


async def test_an_unknown_command_is_not_sent_and_not_lost(chat: Chat) -> None:
    """A slip of the finger becomes a hint, not a message to the model."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await write(pilot, app, "/nonsense")
        await until(lambda: "There is no command /nonsense" in screen_text(app))
        assert app.chat.transcript.entries == []
        assert app.chat.composer.text == "/nonsense"  # to be mended


async def test_a_command_that_fails_does_not_mix_with_what_was_typed_since(chat: Chat) -> None:
    """It comes back only into an empty input."""
    app = chat.app()
    async with app.run_test(size=(120, 40)):
        await ready(app)
        app.chat.composer.set_draft("/nonsense")
        app.chat.composer.action_send()
        app.chat.composer.insert("my next words")
        await until(lambda: "There is no command /nonsense" in screen_text(app))
        assert app.chat.composer.text == "my next words"


async def test_copy_hands_the_answer_to_the_terminal(chat: Chat) -> None:
    """Ctrl+Y copies the last answer's text."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("ctrl+y")
        await until(lambda: app.clipboard == "Hello there, how can I help?")


async def test_ctrl_c_twice_quits_when_nothing_runs(chat: Chat) -> None:
    """Once only says what twice does."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await pilot.press("ctrl+c")
        assert "Ctrl+C again quits." in screen_text(app)
        await pilot.press("ctrl+c")
        await until(lambda: app.return_value == 0)


async def write(pilot: Pilot[int], app: ChatApp, text: str) -> None:
    """Type `text` and press Enter."""
    app.chat.composer.insert(text)
    await pilot.press("enter")


def place_of(app: ChatApp, text: str) -> tuple[int, int]:
    """Return the column and row where `text` stands in the transcript."""
    left = app.chat.transcript.region.x
    for row, line in enumerate(screen_text(app).splitlines()):
        if (column := line.find(text, left)) >= 0:
            return column, row
    raise AssertionError(f"{text} is not on the screen")


async def test_what_is_typed_into_the_search_can_be_read(chat: Chat) -> None:
    """The focused field keeps its one line for the text; a border would take it."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await pilot.press("ctrl+f")
        await until(lambda: isinstance(app.screen, SearchScreen))
        await pilot.press(*"xylophone")
        await until(lambda: "xylophone" in screen_text(app))


async def test_what_is_typed_as_a_new_title_can_be_read(chat: Chat) -> None:
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("f2")
        await until(lambda: isinstance(app.screen, PromptScreen))
        await pilot.press(*"xylophone")
        await until(lambda: "xylophone" in screen_text(app))
