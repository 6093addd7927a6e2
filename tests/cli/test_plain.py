"""`chatapp --plain` as it is used: in a real terminal, line by line, and behind a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from chatapp.conversations import ConversationStore

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds for what is bound to come; only a failing test takes them
DRAWING = "\x1b[2J", "\x1b[H", "\x1b[?1049h"  # clearing, moving, the second screen

Open = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def open_chat(chatapp_home: Path) -> Iterator[Open]:
    """Start plain chats in terminals of their own that end with the test."""
    opened: list[pexpect.spawn[str]] = []

    def start(*arguments: str) -> pexpect.spawn[str]:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "tests.cli.plain_chat", *arguments],
            cwd=str(ROOT),
            env={**os.environ, "CHATAPP_HOME": str(chatapp_home), "TERM": "dumb"},
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(24, 200),
        )
        child.delaybeforesend = None
        opened.append(child)
        return child

    yield start
    for child in opened:
        child.close(force=True)


def ended(child: pexpect.spawn[str]) -> int | None:
    """Wait for the end of the program and return its exit code."""
    child.expect(pexpect.EOF)
    child.wait()
    code: int | None = child.exitstatus
    return code


def test_a_chat_on_a_dumb_terminal_from_the_first_question_to_ctrl_d(
    open_chat: Open, chatapp_home: Path
) -> None:
    """An answer streams, Ctrl+C stops it and keeps its text, commands work, Ctrl+D leaves."""
    chat = open_chat()
    chat.expect("plain mode.*Ctrl.D leaves")
    chat.expect("You: ")
    chat.sendline("hello")
    chat.expect("word word word")
    chat.sendintr()
    chat.expect("Interrupted; the text is kept")
    chat.expect("You: ")
    chat.sendline("/rename A slow friend")
    chat.expect("Renamed to: A slow friend")
    chat.sendline("/nonsense")
    chat.expect("There is no command /nonsense")
    chat.expect("You: ")
    said = 1
    while said:  # one that comes while the prompt is being set up is heard with the next
        chat.sendintr()
        said = chat.expect(["Ctrl.D leaves", pexpect.TIMEOUT], timeout=2)
    chat.expect("You: ")
    chat.sendeof()
    chat.expect("everything is stored")
    assert ended(chat) == 0
    assert not [code for code in DRAWING if code in str(chat.before)]
    store = ConversationStore.open(chatapp_home / "chatapp.sqlite3")
    (conversation,) = store.conversations()
    question, answer = store.messages(conversation.id)
    store.close()
    assert conversation.title == "A slow friend"
    assert question.text == "hello"
    assert answer.status == "interrupted"
    assert answer.text.startswith("word word")


def test_ctrl_c_stops_a_summary_that_is_being_written(open_chat: Open) -> None:
    """Like an answer; the chat goes on, and what was there before stays."""
    chat = open_chat()
    chat.expect("You: ")
    chat.sendline("hello")
    chat.expect("word word word")
    chat.sendintr()
    chat.expect("You: ")
    said = 1
    while said:  # Ctrl+C that comes before the command was read drops what was typed
        chat.sendline("/summary write")
        chat.expect(pexpect.TIMEOUT, timeout=0.5)
        chat.sendintr()
        said = chat.expect(["no summary was written", pexpect.TIMEOUT], timeout=2)
    chat.expect("You: ")
    chat.sendline("/summary")
    chat.expect("has no summary")


def test_up_finds_earlier_messages_but_nothing_private_or_deleted(
    open_chat: Open, chatapp_home: Path
) -> None:
    """They come from the stored conversations: what is gone from there is gone from here."""

    def say(chat: pexpect.spawn[str], line: str) -> None:
        chat.expect("You: ")
        chat.send(line + "\r")
        chat.expect("word")
        chat.sendintr()
        chat.expect("kept")

    def leave(chat: pexpect.spawn[str]) -> None:
        chat.expect("You: ")
        chat.sendeof()
        assert ended(chat) == 0

    first = open_chat()
    say(first, "write a tale of ships")
    first.expect("You: ")
    first.sendline("/private")
    first.expect("A private conversation")
    say(first, "write a tale of secrets")
    leave(first)
    second = open_chat()
    say(second, "\x1b[A")  # Up
    leave(second)
    store = ConversationStore.open(chatapp_home / "chatapp.sqlite3")
    asked = {
        one.id: [m.text for m in store.messages(one.id) if m.role == "user"]
        for one in store.conversations()
        if not one.private
    }
    assert list(asked.values()) == [["write a tale of ships"]] * 2
    for conversation_id in asked:
        store.delete(conversation_id)
    store.close()
    third = open_chat()
    third.expect("You: ")
    third.send("\x1b[A/calc 2 + 2\r")  # after an earlier message it would be no command
    third.expect("\n4")


def test_a_history_that_an_earlier_version_kept_is_removed(
    open_chat: Open, chatapp_home: Path
) -> None:
    """It holds what was deleted and forgotten since, and nobody reads it any more."""
    history = chatapp_home / "plain-history"
    history.write_text("my number is 555 0100\n")
    chat = open_chat()
    chat.expect("You: ")
    assert not history.exists()


def test_several_lines_make_one_message(open_chat: Open, chatapp_home: Path) -> None:
    """A backslash at the end of a line goes on; three quotes hold a whole text."""
    chat = open_chat()
    chat.expect("You: ")
    chat.sendline("hello\\")
    chat.expect("and: ")
    chat.sendline("hi")
    chat.expect("word")
    chat.sendintr()
    chat.expect("kept")
    chat.expect("You: ")
    chat.sendline('"""')
    chat.expect("and: ")
    chat.sendline("hi")
    chat.sendline("hello")
    chat.sendline('"""')
    chat.expect("word")
    chat.sendintr()
    chat.expect("kept")
    chat.expect("You: ")
    chat.sendeof()
    assert ended(chat) == 0
    store = ConversationStore.open(chatapp_home / "chatapp.sqlite3")
    (conversation,) = store.conversations()
    asked = [m.text for m in store.messages(conversation.id) if m.role == "user"]
    store.close()
    assert asked == ["hello\nhi", "hi\nhello"]


def test_tab_completes_a_command(open_chat: Open) -> None:
    """`/reg` and Tab is enough for /regenerate."""
    chat = open_chat()
    chat.expect("You: ")
    chat.send("/reg\t")
    chat.expect("/regenerate ")


def test_sigterm_stores_the_answer_and_ends(open_chat: Open, chatapp_home: Path) -> None:
    """Whoever ends the program gets its exit code; the text so far is kept."""
    chat = open_chat()
    chat.expect("You: ")
    chat.sendline("hello")
    chat.expect("word word word")
    chat.kill(signal.SIGTERM)
    assert ended(chat) == 143
    store = ConversationStore.open(chatapp_home / "chatapp.sqlite3")
    (conversation,) = store.conversations()
    assert store.messages(conversation.id)[-1].status == "interrupted"
    store.close()


def test_a_pipe_gets_answers_on_stdout_and_nothing_else(chatapp_home: Path) -> None:
    """No prompt, no greeting: what was asked line by line is answered line by line."""
    done = run_plain("/calc 6 * 7\nWhere are my conversations stored?\n/nonsense\n")
    assert done.returncode == 0
    assert done.stdout.startswith("42\n")
    assert "chatapp.sqlite3" in done.stdout
    assert "Source 1: " in done.stdout
    assert "You:" not in done.stdout
    assert "There is no command /nonsense" in done.stderr


@pytest.mark.parametrize("typed", ['"""\n/calc 6 * 7\n', "/calc 6 * \\\n7", "/calc 42\\\n"])
def test_a_message_that_the_end_of_the_input_cuts_short_is_taken(
    typed: str, chatapp_home: Path
) -> None:
    """What was typed is not dropped because its last line is missing."""
    done = run_plain(typed)
    assert (done.returncode, done.stdout.strip()) == (0, "42")


def test_a_conversation_that_is_purged_elsewhere_does_not_end_the_chat(
    open_chat: Open, chatapp_home: Path
) -> None:
    """It is said in a line, and the next message begins a new one."""
    chat = open_chat()
    chat.expect("You: ")
    chat.sendline("/tool calculator 6 * 7")
    chat.expect("You: ")
    store = ConversationStore.open(chatapp_home / "chatapp.sqlite3")
    (conversation,) = store.conversations()
    store.purge(conversation.id)
    store.close()
    chat.sendline("and now?")
    chat.expect("deleted elsewhere; the next message begins a new one")
    chat.expect("You: ")
    chat.sendline("hello")
    chat.expect("word word")
    chat.sendintr()
    chat.expect("You: ")
    chat.sendeof()
    assert ended(chat) == 0


@pytest.fixture
def asking(open_chat: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pexpect.spawn[str]:
    """A chat that asks whether a tool may read a file."""
    (tmp_path / "notes.txt").write_text("my notes")
    monkeypatch.setenv("CHATAPP_TOOLS_FOLDERS", str(tmp_path))
    chat = open_chat()
    chat.expect("You: ")
    chat.sendline(f"/tool read_file {tmp_path / 'notes.txt'}")
    chat.expect("Allow it\\?.*: ")
    return chat


def test_ctrl_c_at_a_question_is_a_no(asking: pexpect.spawn[str]) -> None:
    """The tool does not run, the answer is stopped, and the chat goes on."""
    while asking.expect(["You: ", pexpect.TIMEOUT], timeout=1):
        asking.sendintr()  # the first may come between the printed question and the waiting
    assert "my notes" not in str(asking.before)
    asking.sendeof()
    assert ended(asking) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_at_a_question_ends_the_chat(
    number: signal.Signals, code: int, asking: pexpect.spawn[str], chatapp_home: Path
) -> None:
    """Nobody is left to answer: the program ends as at its other prompt, and all is stored."""
    while asking.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=1):
        asking.kill(number)  # the first may come between the printed question and the waiting
    assert ended(asking) == code
    store = ConversationStore.open(chatapp_home / "chatapp.sqlite3")
    (conversation,) = store.conversations()
    assert store.messages(conversation.id)[-1].status in ("complete", "interrupted")
    store.close()


def test_input_that_was_closed_before_the_start_has_ended(chatapp_home: Path) -> None:
    """`chatapp --plain <&-`, as a daemon starts programs: there is nothing to answer."""
    line = 'exec "$0" -m tests.cli.plain_chat <&-'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_conversation_is_named(chatapp_home: Path) -> None:
    """`--resume` with a wrong id says where the right ones are listed."""
    done = run_plain("", "--resume", "nowhere")
    assert done.returncode == 3
    assert "there is no conversation nowhere" in done.stderr
    assert "conversations list" in done.stderr


def test_a_terminal_that_cannot_draw_is_sent_to_the_plain_chat(chatapp_home: Path) -> None:
    """TERM=dumb: one line says why, one line says what to type."""
    output, code = pexpect.run(
        f"{sys.executable} -m chatapp",
        cwd=str(ROOT),
        env={**os.environ, "TERM": "dumb"},
        withexitstatus=True,
        encoding="utf-8",
    )
    assert code == 2
    assert "cannot draw the chat (TERM is 'dumb')" in output
    assert "chatapp --plain" in output


def run_plain(typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.cli.plain_chat", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
        check=False,
    )
