"""The installed program in a real terminal, with real keys, signals and sizes."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal, needs_tmux

pytestmark = [needs_tmux, pytest.mark.timeout(300)]

CHATAPP = ("-m", "chatapp")
SLOW_CHAT = ("-m", "tests.tui.slow_chat")
INTERACTIVE_SHELL = """
import os
os.environ["PS1"] = "$ "
os.execvp("bash", ["bash", "--norc", "-i"])
"""

Open = Callable[..., Terminal]


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    """Open terminals that are closed after the test; all share one home."""
    opened: list[Terminal] = []

    def make(*arguments: str, columns: int = 100, rows: int = 30) -> Terminal:
        opened.append(Terminal(arguments, tmp_path / "home", columns=columns, rows=rows))
        return opened[-1]

    yield make
    for terminal in opened:
        terminal.close()


def test_a_question_about_the_app_is_answered_from_its_handbook(open_terminal: Open) -> None:
    """Type, read the citation, open the source, come back, leave: all in a terminal."""
    terminal = open_terminal(*CHATAPP)
    terminal.shows("Ask anything")
    terminal.type("Where are my conversations stored?")
    terminal.press("Enter")
    terminal.shows("[1]", "✓ grounded in")
    terminal.until(lambda: "Esc stops" not in terminal.screen(), "the answer has ended")
    terminal.press("BTab")
    terminal.shows("▌  ✓ grounded in")  # the bar of the selected answer
    terminal.type("1")
    terminal.shows("the quote stands in the stored text")
    terminal.press("Escape")
    terminal.until(lambda: "the quote stands" not in terminal.screen(), "the passage is closed")
    terminal.press("C-q")
    terminal.until(lambda: terminal.exit_code() == 0, "exit code 0")


def test_ctrl_c_stops_an_answer_and_the_window_can_be_any_size(open_terminal: Open) -> None:
    """The partial answer stays; resizing down to 40x12 and back loses nothing."""
    terminal = open_terminal(*SLOW_CHAT)
    terminal.shows("fake")
    terminal.type("hello")
    terminal.press("Enter")
    terminal.shows("word word word")
    terminal.resize(40, 12)
    terminal.shows("word word", "Ask anything")
    terminal.press("C-c")
    terminal.shows("Interrupted; the text is kept.")
    terminal.resize(120, 40)
    terminal.shows("Conversations", "hello", "Interrupted; the text is kept.")
    terminal.press("C-c")
    terminal.shows("Ctrl+C again quits.")
    terminal.press("C-c")
    terminal.until(lambda: terminal.exit_code() == 0, "exit code 0")


def test_ctrl_z_gives_the_shell_back_and_fg_the_chat(open_terminal: Open) -> None:
    """Also while an answer streams and with a program between shell and chat, as in `make chat`."""
    terminal = open_terminal("-c", INTERACTIVE_SHELL)
    terminal.shows("$")
    terminal.type(f"sh -c '{sys.executable} -m tests.tui.slow_chat; true'")
    terminal.press("Enter")
    terminal.shows("fake")
    terminal.type("hello")
    terminal.press("Enter")
    terminal.shows("word word word")
    terminal.press("C-z")
    terminal.shows("Stopped")
    terminal.type("echo back-in-the-$((1 + 1))-shell")
    terminal.press("Enter")
    terminal.shows("back-in-the-2-shell")
    terminal.type("fg")
    terminal.press("Enter")
    terminal.shows("╭──", "│ Ask anything", "╰──", "word word word")


def test_ctrl_z_without_a_shell_says_that_nobody_could_bring_the_chat_back(
    open_terminal: Open,
) -> None:
    """A window of its own: stopping would freeze it for good."""
    terminal = open_terminal(*SLOW_CHAT)
    terminal.shows("fake")
    terminal.press("C-z")
    terminal.shows("No shell is behind this window")


def test_what_libraries_print_goes_to_the_log_and_not_to_the_screen(
    open_terminal: Open, tmp_path: Path
) -> None:
    """Lines written to descriptors 1 and 2, and warnings, never reach the terminal."""
    terminal = open_terminal(*SLOW_CHAT)
    assert "NOISE" not in terminal.shows("fake")
    log = (tmp_path / "home" / "chatapp.log").read_text()
    assert "NOISE on stdout" in log
    assert "NOISE on stderr" in log
    assert "NOISE as a warning" in log


def test_kill_9_during_an_answer_then_restart_offers_the_rest(
    open_terminal: Open, tmp_path: Path
) -> None:
    """After the crash: the question, the partial answer and the offer; Continue goes on."""
    terminal = open_terminal(*SLOW_CHAT)
    terminal.shows("fake")
    terminal.type("hello")
    terminal.press("Enter")
    terminal.until(lambda: terminal.screen().count("word") > 40, "40 words")
    # 0.8 seconds of text are on the screen; a crash may cost the last quarter second of it.
    terminal.kill(signal.SIGKILL)
    terminal.until(lambda: terminal.exit_code() is not None, "the program is gone")
    assert "word" in stored_answer(tmp_path)[0]
    terminal.start()
    terminal.shows("hello", "word", "The last answer was interrupted.", "Continue", "Leave")
    before = len(stored_answer(tmp_path)[0])
    terminal.press("C-g")
    terminal.until(lambda: len(stored_answer(tmp_path)[0]) > before + 20, "more text is stored")


def test_a_megabyte_pasted_into_the_terminal_is_stored_whole(
    open_terminal: Open, tmp_path: Path
) -> None:
    """One short line stands for it; typing goes on at once, and every character is sent."""
    pasted = "0123456789" * 100_000
    terminal = open_terminal(*SLOW_CHAT)
    terminal.shows("fake")
    terminal.type("hello ")
    terminal.paste(pasted)
    terminal.shows("[pasted text 1: 1,000,000 characters]")
    terminal.type(" and more")
    terminal.shows("and more")
    terminal.press("Enter")
    terminal.until(lambda: f"hello {pasted} and more" in stored_questions(tmp_path), "it is stored")


def test_what_was_typed_before_kill_9_is_in_the_input_again(
    open_terminal: Open, tmp_path: Path
) -> None:
    """No Enter was pressed: the draft is on the disk within a moment and comes back."""
    terminal = open_terminal(*SLOW_CHAT)
    terminal.shows("fake")
    terminal.type("half a thought")
    terminal.until(lambda: "half a thought" in stored_drafts(tmp_path), "the draft is stored")
    terminal.kill(signal.SIGKILL)
    terminal.until(lambda: terminal.exit_code() is not None, "the program is gone")
    terminal.start()
    terminal.shows("half a thought", "fake")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stores_the_answer_and_leaves_in_order(
    open_terminal: Open, tmp_path: Path, number: int, code: int
) -> None:
    """SIGTERM and SIGHUP: the row is `interrupted`, not left streaming, and the code says why."""
    terminal = open_terminal(*SLOW_CHAT)
    terminal.shows("fake")
    terminal.type("hello")
    terminal.press("Enter")
    terminal.shows("word word word")
    terminal.kill(number)
    terminal.until(lambda: terminal.exit_code() == code, f"exit code {code}")
    text, status = stored_answer(tmp_path)
    assert text.startswith("word word word")
    assert status == "interrupted"


def stored_answer(tmp_path: Path) -> tuple[str, str]:
    """Return text and status of the newest answer, read past the app."""
    with sqlite3.connect(tmp_path / "home" / "chatapp.sqlite3") as db:
        query = "select text, status from messages where role = 'assistant' order by key desc"
        text, status = db.execute(query).fetchone()
    return str(text), str(status)


def stored_questions(tmp_path: Path) -> list[str]:
    """Return what was asked, read past the app."""
    return _texts(tmp_path, "select text from messages where role = 'user'")


def stored_drafts(tmp_path: Path) -> list[str]:
    """Return what was typed and not sent, read past the app."""
    return _texts(tmp_path, "select text from drafts")


def _texts(tmp_path: Path, query: str) -> list[str]:
    with sqlite3.connect(tmp_path / "home" / "chatapp.sqlite3") as db:
        return [str(text) for (text,) in db.execute(query)]
