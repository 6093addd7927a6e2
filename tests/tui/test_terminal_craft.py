"""Small screens, no colours, two windows, a browser: the real program, seen from outside."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tui.terminal import ROOT, WAIT_SECONDS, Terminal, needs_tmux

pytestmark = [pytest.mark.timeout(300)]

SLOW_CHAT = ("-m", "tests.tui.slow_chat")
WITHOUT_COLOURS = (
    "-c",
    "import os, runpy; os.environ['NO_COLOR'] = '1'; "
    "runpy.run_module('tests.tui.slow_chat', run_name='__main__')",
)
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|[34]8;[25])[;m\d]")
UNDERLINED = re.compile(r"\x1b\[(?:\d+;)*4m hello")

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


@needs_tmux
def test_no_color_sends_no_colour_and_still_shows_what_is_chosen(open_terminal: Open) -> None:
    """Not one colour code reaches the terminal; the highlighted conversation is underlined."""
    terminal = open_terminal(*WITHOUT_COLOURS)
    terminal.shows("fake")
    terminal.type("hello")
    terminal.press("Enter")
    terminal.shows("word word word")
    terminal.press("C-c")
    terminal.shows("Interrupted; the text is kept.")
    assert COLOUR.findall(terminal.colours()) == []
    terminal.press("C-b")
    terminal.press("C-b")
    terminal.until(lambda: UNDERLINED.search(terminal.colours()), "the chosen chat is underlined")
    assert COLOUR.findall(terminal.colours()) == []


@needs_tmux
def test_sixty_by_fifteen_is_enough_for_a_chat(open_terminal: Open) -> None:
    """Ask, stop, search and come back on a tiny screen; nothing runs over its edge."""
    terminal = open_terminal(*SLOW_CHAT, columns=60, rows=15)
    terminal.shows("fake", "Ask anything")
    terminal.type("hello")
    terminal.press("Enter")
    terminal.shows("word word word")
    terminal.press("C-c")
    terminal.shows("the text is kept")
    terminal.press("C-f")
    terminal.shows("Search all conversations", "anyone")
    terminal.type("word")
    terminal.shows("1 message")
    terminal.press("Escape")
    terminal.shows("Ask anything")
    assert all(len(line) <= 60 for line in terminal.screen().splitlines())


@needs_tmux
def test_two_windows_on_one_file_stay_in_step(open_terminal: Open) -> None:
    """What is asked in one window is read in the other while it is being answered."""
    first = open_terminal(*SLOW_CHAT)
    first.shows("fake")
    first.type("hello")
    first.press("Enter")
    first.shows("word word word")
    first.press("C-c")
    first.shows("the text is kept")
    second = open_terminal(*SLOW_CHAT)
    second.shows("fake", "hello", "word word")
    first.type("hello again")
    first.press("Enter")
    second.shows("hello again", "being written in another window")
    first.press("C-c")
    second.until(lambda: "in another window" not in second.screen(), "the answer has ended")
    second.type("/rename Seen by both")
    second.press("Enter")
    first.shows("Seen by both")


@needs_tmux
def test_a_mistake_in_the_key_map_stops_the_program_before_it_draws(
    open_terminal: Open, tmp_path: Path
) -> None:
    """The message names the file, the line and the fix; the exit code is that of wrong usage."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "keys.toml").write_text('[chat]\nserch = "ctrl+k"\n')
    terminal = open_terminal("-m", "chatapp", columns=250)
    terminal.shows("no binding 'chat.serch'", "did you mean 'chat.search'?")
    terminal.until(lambda: terminal.exit_code() == 2, "exit code 2")


def test_the_browser_view_opens_with_its_key_only(chatapp_home: Path) -> None:
    """The printed address shows the page; without the key, or by another name, nobody gets in."""
    pytest.importorskip("textual_serve", reason="the extra `web` is not installed")
    port = 18_765
    command = [sys.executable, "-m", "chatapp", "web", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = re.findall(r"http://\S+", server.stderr.readline())[0]
        try:
            assert "chatapp" in opened(address)
            assert opened(f"http://127.0.0.1:{port}/") == "403"
            assert opened(f"http://127.0.0.1:{port}/?key=guess") == "403"
            assert opened(address.replace("127.0.0.1", "localhost")) == "403"
            assert opened(address, Origin="http://elsewhere.example") == "403"
        finally:
            server.terminate()


def opened(address: str, **headers: str) -> str:
    """Return the page at an address, waiting for the server to come up, or the refusal's code."""
    request = urllib.request.Request(address, headers=headers)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=10) as page:
                return str(page.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.code)
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{address} never answered")
