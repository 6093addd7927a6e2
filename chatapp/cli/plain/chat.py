"""The loop of the plain chat: read a message, answer it, until the input ends.

Ctrl+C stops the answer that is being written and keeps its text; at the prompt it drops the line.
The answers run in one event loop that sleeps while a person types.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.commands import CommandError, Session, run_line
from chatapp.assistant.events import Event, ToolApproval, TurnStart, WebConsent
from chatapp.assistant.run import Decision
from chatapp.cli.errors import CliError, ExitCode, as_cli_error
from chatapp.cli.plain.lines import Lines
from chatapp.cli.plain.speaker import Speaker
from chatapp.conversations import NotFound
from chatapp.version import __version__

WELCOME = (
    f"chatapp {__version__}, plain mode. Type a question and press Enter. "
    "/help lists the commands, Ctrl+C stops an answer, Ctrl+D leaves."
)
_RECALLED = 20  # conversations whose messages the Up key finds
_ENDINGS = {signal.SIGTERM: int(ExitCode.SIGTERM), signal.SIGHUP: 129}

_DECISIONS: dict[str, Decision] = {"y": "once", "yes": "once", "always": "conversation"}


class _Ended(Exception):
    """A signal asked the program to end while it waited for input."""


class PlainChat:
    """One session; `run` is its whole life."""

    def __init__(self, assistant: Assistant, lines: Lines, speaker: Speaker) -> None:
        self._assistant = assistant
        self._lines = lines
        self._speaker = speaker
        self._session = Session(assistant)
        assistant.options = replace(assistant.options, attended=lines.interactive)
        self._answering = False
        self._prompting = False
        self._ending: int | None = None

    def run(self, resume: str | None) -> int:
        """Chat until the input ends or a signal comes; return the exit code. Stores everything."""
        try:
            if self._lines.interactive:
                self._speaker.aside(WELCOME)
            for notice in self._assistant.store.notices:
                self._speaker.aside(notice)
            if resume is not None:
                self._resume(resume)
            self._recall()
            self._warm_up()
            with asyncio.Runner() as runner, self._signals():
                self._loop(runner)
        except _Ended:
            pass
        finally:
            self._assistant.close()
        return self._ending or 0

    def _loop(self, runner: asyncio.Runner) -> None:
        going = True
        while going and self._ending is None:
            with suppress(KeyboardInterrupt):  # pressed again while the first is dealt with
                going = self._round(runner)

    def _round(self, runner: asyncio.Runner) -> bool:
        """Read one message and carry it out; return whether there may be more."""
        try:
            text = self._message()
            if text.strip():
                self._take(runner, text)
        except EOFError:
            if self._lines.interactive:
                self._speaker.aside("\nGoodbye; everything is stored.")
            return False
        except KeyboardInterrupt:  # at the prompt, or while the last words are printed
            self._speaker.aside("\nCtrl+D leaves.")
        return True

    def _message(self) -> str:
        with self._prompt():
            return self._lines.message()

    @contextmanager
    def _prompt(self) -> Iterator[None]:
        """While a person types, a signal must raise: nothing else ends the waiting for a line."""
        self._prompting = True
        try:
            yield
        finally:
            self._prompting = False

    def _take(self, runner: asyncio.Runner, text: str) -> None:
        """Carry out one message; whatever fails is said in one line, and the chat goes on."""
        try:
            if text.startswith("/"):
                self._command(runner, text)
            else:
                self._render(runner, self._session.send(text))
            if self._may_keep():
                self._lines.keep(text)
        except KeyboardInterrupt:
            self._speaker.aside("Stopped.")
        except CommandError as error:
            self._speaker.aside(str(error))
        except Exception as error:
            known = as_cli_error(error)
            if known is None:
                raise
            self._speaker.aside(f"Error: {known.message} {known.hint}".rstrip())

    def _command(self, runner: asyncio.Runner, line: str) -> None:
        before = self._session.conversation
        result = run_line(self._session, line)
        if result.text:
            self._speaker.say(result.text)
        if result.events is not None:
            self._render(runner, result.events)
        elif self._session.conversation not in (None, before):
            self._recap()

    def _render(self, runner: asyncio.Runner, turn: AsyncGenerator[Event, None]) -> None:
        self._answering = True
        try:
            runner.run(self._follow(turn))
        finally:
            self._answering = False

    async def _follow(self, turn: AsyncGenerator[Event, None]) -> None:
        async with aclosing(turn):
            async for event in turn:
                self._speaker.show(event)
                match event:
                    case TurnStart(conversation=conversation):
                        self._session.conversation = conversation
                    case ToolApproval(decision="asked"):
                        self._assistant.approve(event.id, self._tool(event))
                    case WebConsent(decision="asked"):
                        self._assistant.approve(event.id, self._query(event))

    def _tool(self, asked: ToolApproval) -> Decision:
        """Ask in words whether a tool may run."""
        self._speaker.aside(f"The tool {asked.name} asks to run with {_in_words(asked.arguments)}.")
        return self._decision("Allow it? yes, no, or always in this conversation: ")

    def _query(self, asked: WebConsent) -> Decision:
        """Ask in words whether a query may leave."""
        self._speaker.aside(
            f"Your sources do not answer this. Search the web for “{asked.query}”? "
            f"It goes to {', '.join(asked.services)}. {asked.why}"
        )
        always = "" if asked.private else ", or always in this conversation"
        return self._decision(f"Search? yes, no{always}: ")

    def _decision(self, question: str) -> Decision:
        """Ask; whatever is no clear yes is a no."""
        try:
            with self._prompt():
                said = self._lines.answer(question)
        except (EOFError, KeyboardInterrupt, _Ended):  # the answer is being stopped already
            return "deny"
        return _DECISIONS.get(said, "deny")

    def _resume(self, conversation_id: str) -> None:
        try:
            self._session.conversation = self._assistant.store.conversation(conversation_id).id
        except NotFound as error:
            raise CliError(
                f"there is no conversation {conversation_id}",
                hint="`chatapp conversations list` shows the ids.",
                code=ExitCode.NOT_FOUND,
            ) from error
        self._recap()

    def _recall(self) -> None:
        """Let the Up key find earlier messages; what was deleted or forgotten is in none."""
        if not self._lines.interactive:
            return
        store = self._assistant.store
        recent = [one for one in store.conversations(_RECALLED) if not one.private]
        for conversation in sorted(recent, key=lambda one: one.updated_at):
            for message in store.messages(conversation.id):
                if message.role == "user":
                    self._lines.keep(message.text)

    def _recap(self) -> None:
        """Say which conversation this is and how it ended."""
        store, here = self._assistant.store, self._session.conversation
        if here is None or not self._lines.interactive:
            return
        messages = store.messages(here)
        title = store.conversation(here).title or "untitled"
        self._speaker.aside(f"Conversation “{title}”, {len(messages)} messages.")
        for message in messages[-2:]:
            who = "You" if message.role == "user" else "Answer"
            self._speaker.aside(f"{who}: {message.text}")

    def _may_keep(self) -> bool:
        """Return whether the Up key may find what was said; leave a conversation that is gone."""
        here = self._session.conversation
        try:
            return here is None or not self._assistant.store.conversation(here).private
        except NotFound:
            self._session.conversation = None
            self._speaker.aside(
                "This conversation was deleted elsewhere; the next message begins a new one."
            )
            return False

    def _warm_up(self) -> None:
        """Load model, index and memory while the first question is typed."""
        if self._lines.interactive:
            threading.Thread(target=self._load_all, daemon=True).start()

    def _load_all(self) -> None:
        with suppress(RuntimeError):  # the chat was left at once: its threads are closed
            asyncio.run(self._assistant.warm_up())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let Ctrl+C stop an answer, and the signals that end programs end this one in order."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDINGS)}

        def obey(number: int, frame: FrameType | None) -> None:
            if number != signal.SIGINT:
                self._ending = _ENDINGS[signal.Signals(number)]
            stopped = self._assistant.interrupt()  # an answer, or what a command lets be written
            if number != signal.SIGINT:
                if self._prompting or not self._answering:
                    raise _Ended
            elif self._prompting or not (self._answering or stopped):
                raise KeyboardInterrupt

        for number in before:
            signal.signal(number, obey)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _in_words(arguments: Mapping[str, Any]) -> str:
    """Return the arguments of a tool as they are read aloud."""
    said = (f"{name}: {' '.join(str(value).split())}" for name, value in arguments.items())
    return "; ".join(said) or "no arguments"
