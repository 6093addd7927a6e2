"""The input: drafts that outlive a crash, Enter as one likes it, files after an @."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events

from chatapp.assistant.attachments import Attachment, read_attachment
from chatapp.settings import Settings, UiSettings
from chatapp.tui.app import ChatApp
from chatapp.tui.backend import Backend
from chatapp.tui.completion import mentioned_files, path_choices, path_in_the_making
from chatapp.tui.entries import Question
from tests.fakes import FakeGenerator
from tests.tui.conftest import WAIT_SECONDS, Chat, answers, ask, ready, screen_text, until


async def test_a_draft_outlives_a_crash(chat: Chat) -> None:
    """What is typed is stored within a moment; the next start shows it, long pastes folded."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        app.chat.composer.insert("half a thought")
        await until(lambda: stored_draft(chat, here) == "half a thought")
    again = chat.app()
    async with again.run_test(size=(110, 32)) as pilot:
        await ready(again)
        await until(lambda: again.chat.composer.text == "half a thought")
        again.chat.composer.post_message(events.Paste("x" * 10_000))
        await until(lambda: stored_draft(chat, here).endswith("x" * 10_000))
        again.chat.composer.set_draft("")
        await until(lambda: stored_draft(chat, here) == "")


async def test_a_crash_in_a_new_conversation_leads_back_to_it(chat: Chat) -> None:
    """The first message was half typed: the next start is there again, not in the last chat."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("ctrl+n")
        await until(lambda: app.chat.reading.conversation_id is None)
        app.chat.composer.insert("the beginning of something")
        await until(lambda: stored_draft(chat, None) == "the beginning of something")
    again = chat.app()
    async with again.run_test(size=(110, 32)):
        await ready(again)
        await until(lambda: again.chat.composer.text == "the beginning of something")
        assert again.chat.reading.conversation_id is None


async def test_what_was_sent_is_no_draft_any_more(chat: Chat) -> None:
    """After sending, nothing comes back into the input at the next start."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await pilot.press(*"hello")
        await until(lambda: stored_draft(chat, None) == "hello")
        await pilot.press("enter")
        await until(lambda: app.chat.answering.turn is None and answers(app))
        await until(lambda: stored_draft(chat, None) == "")
    again = chat.app()
    async with again.run_test(size=(110, 32)):
        await ready(again)
        assert again.chat.composer.text == ""
        assert again.chat.reading.conversation_id is not None


async def test_what_was_typed_of_a_first_message_is_no_draft_once_it_is_sent(chat: Chat) -> None:
    """A draft stored halfway is gone with the message; what is typed since is the new one's."""
    chat.generator = FakeGenerator("word " * 40, delay=0.01)
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        app.chat.composer.insert("hel")
        await until(lambda: stored_draft(chat, None) == "hel")
        app.chat.composer.insert("lo")
        app.chat.composer.action_send()
        app.chat.composer.insert("next")
        await until(lambda: app.chat.reading.conversation_id is not None)
        here = app.chat.reading.conversation_id
        await until(lambda: stored_draft(chat, here) == "next")
        assert stored_draft(chat, None) == ""
        await pilot.press("ctrl+n")
        await until(lambda: app.chat.reading.conversation_id is None)
        assert app.chat.composer.text == ""


async def test_keys_act_in_the_order_in_which_they_were_pressed(chat: Chat) -> None:
    """Typed ahead while the screen was busy: what follows Enter or Backspace does not overtake."""
    app = chat.app()
    async with app.run_test(size=(110, 32)):
        await ready(app)
        for key in ("h", "i", "i", "backspace", "enter", "n", "e", "x", "t"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(lambda: app.chat.transcript.entries, "the message is shown")
        await until(lambda: app.chat.composer.text == "next")
        assert app.chat.transcript.entries[0].text == "hi"
        await until(lambda: app.chat.answering.turn is None)


async def test_enter_sends_what_is_typed_where_the_list_of_choices_lags_behind(chat: Chat) -> None:
    """A choice that no longer goes on from the text is not put in its place."""
    app = chat.app()
    async with app.run_test(size=(110, 32)):
        await ready(app)
        app.chat.menu.show([("/persona", "an old choice")])
        app.chat.composer.load_text("/private")
        app.chat.composer.action_send()
        await until(lambda: any(c.private for c in app.chat.sidebar.conversations))


async def test_enter_can_begin_a_new_line_and_other_keys_send(chat: Chat) -> None:
    """`ui.enter = "newline"`: Enter and Ctrl+J make lines, Ctrl+S and Alt+Enter send."""
    app = ChatApp(Settings(ui=UiSettings(enter="newline")), Backend(chat._build))
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await pilot.press("h", "i", "enter", "y", "o", "u", "ctrl+j", "!")
        assert app.chat.composer.text == "hi\nyou\n!"
        await pilot.press("ctrl+s")
        await until(lambda: app.chat.answering.turn is None and answers(app))
        assert app.chat.transcript.entries[0].text == "hi\nyou\n!"
        await pilot.press("t", "alt+enter")
        await until(lambda: len(app.chat.transcript.entries) == 4)


async def test_enter_is_whatever_the_key_map_makes_of_it(chat: Chat) -> None:
    """Only Ctrl+X sends: Enter is left to the text area, which begins a line."""
    app = chat.app(keymap={"composer.send": "ctrl+x"})
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await pilot.press("h", "enter", "i")
        assert app.chat.composer.text == "h\ni"
        await pilot.press("ctrl+x")
        await until(lambda: app.chat.transcript.entries)


async def test_a_path_after_an_at_is_completed_folder_by_folder(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tab takes the folder and goes on with what is in it; Enter takes the file, then sends."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "zanzibar notes.md").write_text("# Zanzibar\n\nStone Town is old.")
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await pilot.press(*"read @pap")
        await until(lambda: app.chat.menu.display)
        await until(lambda: "@papers/" in screen_text(app))
        await pilot.press("tab")
        assert app.chat.composer.text == "read @papers/"
        await until(lambda: "zanzibar notes.md" in screen_text(app))
        await pilot.press("enter")
        assert app.chat.composer.text == 'read @"papers/zanzibar notes.md" '
        await until(lambda: not app.chat.menu.display)


async def test_a_file_after_an_at_goes_along_and_is_quoted(chat: Chat, tmp_path: Path) -> None:
    """The answer quotes it, the quote opens, and the message shows what was attached."""
    notes = tmp_path / "notes.md"
    notes.write_text("# Zanzibar\n\nThe capital of Zanzibar is Stone Town. It lies on the sea.")
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        await ask(pilot, f"What is the capital of Zanzibar? @{notes}")
        assert app.chat.transcript.entries[0].text == "What is the capital of Zanzibar?"
        assert "⎘ notes.md" in screen_text(app)
        assert "Stone Town" in answers(app)[0].text
        assert answers(app)[0].citations[0].document.startswith("attachment:")
        await pilot.press("shift+tab", "1")
        await until(lambda: "the quote stands in the stored text" in screen_text(app))
        assert "notes.md" in screen_text(app)
    again = chat.app()
    async with again.run_test(size=(110, 36)):
        await ready(again)
        await until(lambda: "⎘ notes.md" in screen_text(again))


async def test_a_file_that_cannot_be_read_keeps_the_message_here(
    chat: Chat, tmp_path: Path
) -> None:
    """Nothing is sent, the reason is said, the message is still in the input."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        message = f"read @{tmp_path / 'nowhere.md'} please"
        app.chat.composer.insert(message)
        await pilot.press("enter")
        await until(lambda: "Not sent: nowhere.md" in screen_text(app))
        assert app.chat.composer.text == message
        assert app.chat.transcript.entries == []


async def test_a_reader_that_breaks_keeps_the_message_here(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that nobody foresaw is told; the message comes back and can be sent again."""
    notes = tmp_path / "notes.txt"
    notes.write_text("The tide is high at noon.")

    def broken(path: Path) -> Attachment:
        raise RuntimeError("a page that no reader foresaw")

    monkeypatch.setattr("chatapp.assistant.attachments.read_attachment", broken)
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        app.chat.composer.insert(f"what does @{notes} say?")
        await pilot.press("enter")
        await until(lambda: "Not sent" in screen_text(app))
        await until(lambda: app.chat.composer.text == f"what does @{notes} say?")
        assert app.chat.answering.turn is None


async def test_an_at_in_pasted_text_names_no_file(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short or folded it is sent as it stands; the same word typed by hand names the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.md").write_text("The password is xyzzy.")
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        for pasted in ("> see @secret.md, and @/no/such/file", "> see @secret.md\n" * 400):
            app.chat.composer.post_message(events.Paste(pasted))
            await until(lambda: app.chat.composer.text)
            await ask(pilot, " hello")
            question = app.chat.transcript.entries[-2]
            assert isinstance(question, Question)
            assert question.text == f"{pasted} hello".strip()
            assert question.attachments == ()
        await pilot.press(*"hello @secret.md", "space")
        await ask(pilot, "")
        assert app.chat.transcript.entries[-2].attachments == ("secret.md",)  # type: ignore[union-attr]


@pytest.fixture
def slow_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowFile]:
    """A file that takes until `read` is set."""
    slow = SlowFile(tmp_path / "slow.md")
    monkeypatch.setattr("chatapp.assistant.attachments.read_attachment", slow.reading)
    monkeypatch.setattr("chatapp.assistant.commands.messages.read_attachment", slow.reading)
    yield slow
    slow.read.set()


class SlowFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = threading.Event()
        path.write_text("The capital of Zanzibar is Stone Town. It lies on the sea.")

    def reading(self, path: Path | str) -> Attachment:
        self.read.wait(WAIT_SECONDS)
        return read_attachment(path)


async def test_a_message_goes_where_it_was_sent_however_long_its_file_takes(
    chat: Chat, slow_file: SlowFile
) -> None:
    """The screen says what is read and goes on; a new chat meanwhile does not get the message."""
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        here = app.chat.reading.conversation_id
        app.chat.composer.insert(f"What is the capital of Zanzibar? @{slow_file.path} ")
        await pilot.press("enter")
        await until(lambda: "reading slow.md" in screen_text(app))
        await pilot.press("ctrl+n")
        await until(lambda: app.chat.reading.conversation_id is None)
        slow_file.read.set()
        await until(lambda: app.chat.answering.turn is None)
        assert app.chat.transcript.entries == []
        await app.chat.reading.open(here)
        texts = [entry.text for entry in app.chat.transcript.entries]
        assert texts[2] == "What is the capital of Zanzibar?"
        assert "Stone Town" in texts[3]


async def test_escape_stops_the_reading_of_a_file(chat: Chat, slow_file: SlowFile) -> None:
    """The message is back in the input at once; nothing is attached by a command either."""
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        message = f"What is it? @{slow_file.path} please"
        app.chat.composer.insert(message)
        await pilot.press("enter")
        await until(lambda: "reading slow.md" in screen_text(app))
        await pilot.press("escape")
        await until(lambda: app.chat.composer.text == message)
        assert app.chat.answering.turn is None
        app.chat.composer.set_draft(f"/attach {slow_file.path}")
        await pilot.press("enter")
        await until(lambda: "Esc stops" in app.chat.status.activity)
        await pilot.press("escape")
        await until(lambda: not app.chat.status.activity)
        slow_file.read.set()
        await ask(pilot, "hello")
        assert app.chat.transcript.entries[0].attachments == ()  # type: ignore[union-attr]


async def test_a_message_waits_for_the_file_that_a_command_attaches(
    chat: Chat, slow_file: SlowFile
) -> None:
    """Sent while /attach still reads, it takes the file along; Esc stops both."""
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        for stopped in (True, False):
            app.chat.composer.set_draft(f"/attach {slow_file.path}")
            await pilot.press("enter")
            app.chat.composer.insert("hello")
            await pilot.press("enter")
            await until(lambda: app.chat.answering.turn is not None)
            if stopped:
                await pilot.press("escape")
                await until(lambda: app.chat.composer.text == "hello")
        slow_file.read.set()
        await until(lambda: app.chat.answering.turn is None and app.chat.transcript.entries)
        assert app.chat.transcript.entries[0].attachments == ("slow.md",)  # type: ignore[union-attr]
        assert not app.chat.query_one("#attached").display


async def test_a_file_attached_by_a_command_waits_above_the_input(
    chat: Chat, tmp_path: Path
) -> None:
    """/attach shows its name; it goes with the next message and no other."""
    notes = tmp_path / "notes.md"
    notes.write_text("The capital of Zanzibar is Stone Town. It lies on the sea.")
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        app.chat.composer.insert(f"/attach {notes}")
        await pilot.press("enter")
        await until(lambda: app.chat.query_one("#attached").display)
        assert "⎘ notes.md" in screen_text(app)
        await ask(pilot, "hello")
        assert app.chat.transcript.entries[0].attachments == ("notes.md",)  # type: ignore[union-attr]
        assert not app.chat.query_one("#attached").display


def test_what_an_at_means(tmp_path: Path) -> None:
    """Files that are there, quoted names and paths; not e-mail addresses nor people."""
    file = tmp_path / "a.txt"
    file.write_text("x")
    assert mentioned_files(f"see @{file}, ok") == ("see a.txt, ok", [file])
    assert mentioned_files(f'what is in @"{file}" there?') == ("what is in a.txt there?", [file])
    assert mentioned_files(f"Who is it? @{file}") == ("Who is it?", [file])
    assert mentioned_files(f"@{file} Who is it?") == ("Who is it?", [file])
    assert mentioned_files(f"@{file}") == ("a.txt", [file])
    assert mentioned_files(f"@{file} and @{file} too")[1] == [file]
    assert mentioned_files("mail me@example.org or ask @anna") == (
        "mail me@example.org or ask @anna",
        [],
    )
    assert mentioned_files("@missing/file.md")[1] == [Path("missing/file.md")]
    assert mentioned_files("@~nobody-of-this-name/a.md")[1] == [Path("~nobody-of-this-name/a.md")]
    assert mentioned_files("@" + "x" * 5_000)[1] == []
    assert mentioned_files(f"see @{file}, ok", {str(file)})[1] == []
    assert mentioned_files('@"my notes.md"')[1] == [Path("my notes.md")]


@pytest.mark.parametrize(
    "code",
    [
        "How do I update @angular/core?",
        "npm install @babel/core@7.0.0",
        "@app.get('/items')",
        "@app.get('/items/a.md')\ndef items(): ...",
        "@pytest.fixture",
        '@"hello"',
    ],
)
def test_code_with_an_at_is_text(code: str) -> None:
    assert mentioned_files(code) == (code, [])


def test_a_path_in_the_making_ends_with_a_space_outside_of_quotes() -> None:
    assert path_in_the_making("read @pa") == (5, "pa")
    assert path_in_the_making("@") == (0, "")
    assert path_in_the_making('read @"my no') == (5, "my no")
    assert path_in_the_making("read @pa ") is None
    assert path_in_the_making("me@example") is None


def test_choices_are_folders_first_and_nothing_hidden_or_odd(tmp_path: Path) -> None:
    """A name with a line break or an escape in it is no choice: it could not be drawn as it is."""
    tmp_path = tmp_path / "here"
    (tmp_path / "sub").mkdir(parents=True)
    for name in ("b.txt", "A.txt", ".hidden", "evil\x1b[2J.txt", 'quo"te.txt'):
        (tmp_path / name).write_text("x" * 1234)
    assert path_choices(f"{tmp_path}/") == [
        (f"@{tmp_path}/sub/", "folder"),
        (f"@{tmp_path}/A.txt", "1 KB"),
        (f"@{tmp_path}/b.txt", "1 KB"),
    ]
    assert path_choices(f"{tmp_path}/.h") == [(f"@{tmp_path}/.hidden", "1 KB")]
    assert path_choices(f"{tmp_path}/nothing/here") == []
    assert path_choices("~nobody-of-this-name/") == []


def stored_draft(chat: Chat, conversation_id: str | None) -> str:
    """Return the draft as another program reads it."""
    with chat.store_open() as store:
        return store.draft(conversation_id)
