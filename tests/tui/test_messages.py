"""One message at a time: fork, delete and undo, copy, details."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from chatapp.tui.app import ChatApp
from chatapp.tui.clipboard import LONGEST_OSC52, copy_text
from chatapp.tui.code_blocks import code_blocks
from chatapp.tui.screens.details import DetailsScreen
from tests.fakes import FakeGenerator
from tests.tui.conftest import Chat, ask, ready, screen_text, until

TWO_BLOCKS = "Try this:\n\n```python\nprint(1)\n```\n\nor this:\n\n```sh\necho 2\n```\n\nDone."


async def test_a_fork_goes_on_in_a_new_chat_and_leaves_the_old_one_alone(chat: Chat) -> None:
    """f on the first answer: a conversation of two messages is open; the other still has four."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await ask(pilot, "hello again")
        old = app.chat.reading.conversation_id
        await select(app, 1)
        await pilot.press("f")
        await until(lambda: app.chat.reading.conversation_id != old)
        await until(lambda: len(app.chat.transcript.entries) == 2)
        assert texts(app)[0] == "hello"
        await until(lambda: len(app.chat.sidebar.conversations) == 2)
        await app.chat.reading.open(old)
        assert len(app.chat.transcript.entries) == 4


async def test_a_deleted_message_comes_back_with_all_that_followed(chat: Chat) -> None:
    """Del on the second question, then /undo; and the same across conversations."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await ask(pilot, "hello again")
        here = app.chat.reading.conversation_id
        await select(app, 2)
        await pilot.press("delete")
        await until(lambda: texts(app) == ["hello", "Hello there, how can I help?"])
        assert "/undo brings it back" in screen_text(app)
        await app.chat.reading.open(None)
        app.chat.composer.insert("/undo")
        await pilot.press("enter")
        await until(lambda: app.chat.reading.conversation_id == here)
        await until(lambda: len(app.chat.transcript.entries) == 4)


async def test_details_tell_tokens_speed_model_and_version(chat: Chat) -> None:
    """i on an answer."""
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("shift+tab", "i")
        await until(lambda: isinstance(app.screen, DetailsScreen))
        await until(lambda: "Tokens" in screen_text(app))
        text = screen_text(app)
        assert "fake" in text
        assert "6 written" in text
        assert "tokens a second" in text
        assert "1 of 1" in text
        await pilot.press("escape")
        await until(lambda: app.screen is app.chat)


async def test_x_copies_one_code_block_after_the_other(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block alone, without its fence; after the last comes the first."""
    no_tools(monkeypatch)
    chat.generator = FakeGenerator(TWO_BLOCKS)
    app = chat.app()
    async with app.run_test(size=(110, 32)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("shift+tab")
        for block in ("print(1)\n", "echo 2\n", "print(1)\n"):
            await pilot.press("x")
            await until(lambda: app.clipboard == block)  # noqa: B023
        assert "Code block 1 of 2" in screen_text(app)


def test_code_blocks_are_what_stands_between_the_fences() -> None:
    """Inline code is none; a fence that is never closed ends with the text."""
    assert code_blocks("`x`\n\n```\na\n\nb\n```\n\n~~~py\nc") == ["a\n\nb\n", "c"]


async def test_the_desktops_own_tool_is_asked_first(tmp_path: Path) -> None:
    """It is the one way that says whether it worked."""
    taken = tmp_path / "taken"
    tool(tmp_path, "xclip", f"cat > {taken}")
    said = await copied("été", tmp_path, DISPLAY=":0")
    assert said == ("Copied.", [])
    assert taken.read_text() == "été"


async def test_a_tool_that_fails_leaves_it_to_the_terminal(tmp_path: Path) -> None:
    """xclip without a display server ends with an error; xsel is not there."""
    tool(tmp_path, "xclip", "exit 1")
    assert await copied("text", tmp_path, DISPLAY=":0") == (
        "Copied, if this terminal lets programs copy.",
        ["text"],
    )


async def test_over_ssh_the_terminal_copies_for_the_desktop_is_elsewhere(tmp_path: Path) -> None:
    """A tool on the far machine would fill a clipboard that nobody sees."""
    tool(tmp_path, "xclip", "true")
    _, sent = await copied("text", tmp_path, DISPLAY=":0", SSH_CONNECTION="1.2.3.4 1 5.6.7.8 22")
    assert sent == ["text"]


@pytest.mark.parametrize(("text", "term"), [("x" * (LONGEST_OSC52 + 1), "xterm"), ("x", "linux")])
async def test_what_no_clipboard_takes_is_left_in_a_file(
    tmp_path: Path, text: str, term: str
) -> None:
    """Too long for the sequence, or a console without a clipboard: only its owner may read it."""
    said, sent = await copied(text, tmp_path, TERM=term)
    file = tmp_path / "home" / "copied.txt"
    assert said == f"There is no clipboard for this; it was written to {file}."
    assert sent == []
    assert file.read_text() == text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_failure_of_every_way_is_said(tmp_path: Path) -> None:
    """The file's place cannot be written: nothing is claimed."""
    (tmp_path / "home").write_text("a file where the directory should be")
    said, _ = await copied("x", tmp_path, TERM="linux")
    assert said.startswith("Could not be copied")


async def copied(text: str, tmp_path: Path, **environ: str) -> tuple[str, list[str]]:
    """Copy with an environment of this test's; return what was said and what the terminal got."""
    sent: list[str] = []
    known = {"TERM": "xterm", "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}", **environ}
    said = await copy_text(text, sent.append, known, tmp_path / "home" / "copied.txt")
    return said, sent


def tool(tmp_path: Path, name: str, does: str) -> None:
    """Put a program of this name on the test's PATH."""
    program = tmp_path / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)


def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the clipboard tools of the machine that runs the tests."""
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "TERMUX_VERSION", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("chatapp.tui.clipboard._TOOLS", ())


def texts(app: ChatApp) -> list[str]:
    """Return the texts of the branch on the screen."""
    return [entry.text for entry in app.chat.transcript.entries]


async def select(app: ChatApp, place: int) -> None:
    """Select the message at `place` of the mounted ones."""
    app.chat.transcript.views()[place].focus()
    await until(lambda: app.chat.selected is app.chat.transcript.entries[place])
