"""Where the typed lines come from: readline with a history, or a pipe.

A line that ends in a backslash goes on in the next one, and a line of three quotes begins a text of
several lines that ends with another such line. Where the input ends first, the message ends there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from chatapp import paths
from chatapp.cli.person import is_terminal
from retrieval.text import sanitize_text

QUOTES = '"""'

ReadLine = Callable[[str], str]
"""Shows a prompt and returns one line without its end; raises EOFError when there is no more."""


class Completes(Protocol):
    """Lists what a word may become; `Lines` asks it for every press of Tab."""

    def __call__(self, word: str) -> Sequence[str]: ...


class Lines:
    """Reads messages; `interactive` says whether a person types them into a terminal."""

    def __init__(self, read_line: ReadLine, *, interactive: bool) -> None:
        self._read_line = read_line
        self.interactive = interactive

    def message(self) -> str:
        """Return the next message, which may have several lines.

        Raises:
            EOFError: the input has ended before anything was typed.
            KeyboardInterrupt: Ctrl+C was pressed; what was typed is dropped.
        """
        line = self._read("You: ")
        if line.strip() == QUOTES:
            return "\n".join(self._quoted())
        lines = [line]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1].removesuffix("\\")
            with suppress(EOFError):  # the next reading finds the end again
                lines.append(self._read("and: "))
        return "\n".join(lines)

    def answer(self, question: str) -> str:
        """Ask for one word, such as yes or no."""
        return self._read(question).strip().lower()

    def keep(self, message: str) -> None:
        """Put a message into the history, where the Up key finds it."""
        if self.interactive and "\n" not in message:
            import readline

            readline.add_history(message)

    def _quoted(self) -> Iterator[str]:
        with suppress(EOFError):
            while (line := self._read("and: ")).strip() != QUOTES:
                yield line

    def _read(self, prompt: str) -> str:
        return sanitize_text(self._read_line(prompt if self.interactive else ""))


def open_lines(complete: Completes | None = None) -> Lines:
    """Return the lines of this process's stdin."""
    if not is_terminal(sys.stdin, sys.stdout):
        return Lines(_from_pipe, interactive=False)
    _prepare(complete or _commands)
    with suppress(OSError):
        # Earlier versions kept all that was typed here, also what has been forgotten since.
        (paths.data_dir() / "plain-history").unlink(missing_ok=True)
    return Lines(input, interactive=True)


def _from_pipe(prompt: str) -> str:
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _prepare(complete: Completes) -> None:
    import readline

    readline.set_auto_history(False)  # what is private is not kept: see `Lines.keep`
    readline.set_completer_delims(" \t\n")
    readline.set_completer(lambda word, n: next(iter(complete(word)[n:]), None))
    libedit = "libedit" in (readline.__doc__ or "")  # what macOS has in its place
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")


def _commands(word: str) -> Sequence[str]:
    """Return the slash commands that begin with `word`."""
    from chatapp.assistant.commands import COMMANDS

    return [
        f"/{c.name} " for c in COMMANDS if word.startswith("/") and f"/{c.name}".startswith(word)
    ]
