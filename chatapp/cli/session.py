"""A headless session: renders turns through a printer, obeys signals, knows its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from datetime import datetime
from types import FrameType
from typing import Any

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.envelope import Envelope
from chatapp.assistant.events import (
    Citation,
    Error,
    Event,
    MemoryUsed,
    MessageDone,
    SessionEnd,
    SessionStart,
    ToolApproval,
    ToolResult,
    TurnStart,
    Usage,
    Warning,
    WebConsent,
)
from chatapp.assistant.web_consent import NAME as WEB
from chatapp.cli.approvals import Approvals
from chatapp.cli.errors import ExitCode
from chatapp.cli.printers import Printer
from chatapp.cli.script.expect import Said
from chatapp.conversations import StoredCitation
from chatapp.leaving import leave

Body = Callable[[], Coroutine[Any, Any, None]]
"""What a session does between its start and its end."""

_READ_ON_SECONDS = 1.0  # after the answer is printed, where earlier rounds wait to be read
SIGHUP_EXIT = 129  # 128 + 1, as shells report it

_EXIT_CODES = {
    "storage": ExitCode.STORAGE,
    "not_found": ExitCode.NOT_FOUND,
    "prompt_too_long": ExitCode.LIMIT,
    "context_overflow": ExitCode.LIMIT,
    "timeout": ExitCode.LIMIT,
    "expect_failed": ExitCode.EXPECT,
    "usage": ExitCode.USAGE,
    "approval_needed": ExitCode.APPROVAL,
}
_SIGNALS: dict[signal.Signals, int] = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    signal.SIGHUP: SIGHUP_EXIT,
}


class HeadlessSession:
    """One run of `ask` or `run`. The first error decides the exit code; a signal overrides it."""

    def __init__(
        self, assistant: Assistant, printer: Printer, clock: Callable[[], datetime]
    ) -> None:
        self.assistant = assistant
        self.conversation: str | None = None
        self.answer: MessageDone | None = None
        self.citations: list[StoredCitation] = []
        self.approvals = Approvals()
        self.errors: list[Error] = []
        self.signalled: int | None = None
        self.expected = 0
        self._turns = 0
        self._decided: set[str] = set()  # ids of tool calls that were decided in advance
        self._tools: list[str] = []
        self._memories: list[str] = []
        self._milliseconds = 0.0
        self._printer = printer
        self._envelope = Envelope(clock)

    @property
    def said(self) -> Said:
        """Return the last answer as an `expect` sees it."""
        answer = self.answer
        return Said(
            text=answer.text if answer else "",
            cites=len(self.citations),
            grounding=answer.grounding if answer else None,
            milliseconds=self._milliseconds,
            tools=self._tools,
            memories=self._memories,
        )

    def run(self, body: Body, start: SessionStart) -> int:
        """Carry out `body` between `session.start` and `session.end`; return the exit code.

        After a signal the process ends here.
        """
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        try:
            code = asyncio.run(self._whole(body, start))
            if self.signalled is None:
                self.assistant.read_on(_READ_ON_SECONDS)
            return code
        except OSError:
            if self.signalled is None:
                raise
            return self.signalled  # after SIGHUP the terminal we print to is gone
        finally:
            self.assistant.close()
            if self.signalled is not None:
                leave(self.signalled)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def emit(self, event: Event) -> None:
        """Note what matters for the end of the session and print the event."""
        self._note(event)
        self._printer.show(event, self._envelope.wrap(event))
        if isinstance(event, ToolApproval):
            self._attend(event)
        elif isinstance(event, WebConsent) and event.decision == "asked":
            self.assistant.approve(event.id, self.approvals.decide(WEB) or "deny")

    def _note(self, event: Event) -> None:
        match event:
            case TurnStart():
                self.conversation, self._turns = event.conversation, self._turns + 1
                self.answer, self.citations, self._tools, self._memories = None, [], [], []
            case Citation():
                self.citations.append(event)
            case ToolResult(name=name, error=""):
                self._tools.append(name)
            case MemoryUsed(items=items):
                self._memories += [item.text for item in items]
            case MessageDone():
                self.answer = event
            case Error():
                self.errors.append(event)

    def _attend(self, event: ToolApproval) -> None:
        """Answer a tool that asks, as decided in advance; what nobody decided is an error."""
        if event.decision == "asked":
            decision = self.approvals.decide(event.name)
            if decision is not None:
                self._decided.add(event.id)
            self.assistant.approve(event.id, decision or "deny")
        elif event.decision == "denied" and event.id not in self._decided:
            self.emit(
                Error(
                    "approval_needed",
                    f"The tool {event.name} was not allowed to run.",
                    f"Allow it with --allow {event.name}, or with `approve` in a script.",
                )
            )

    async def render(self, events: AsyncGenerator[Event, None]) -> None:
        """Print a turn to its end. When printing fails, the turn is stopped and kept."""
        began = time.monotonic()
        async with aclosing(events):
            async for event in events:
                self.emit(event)
        self._milliseconds = (time.monotonic() - began) * 1000

    async def _whole(
        self, body: Callable[[], Coroutine[Any, Any, None]], start: SessionStart
    ) -> int:
        self._obey_signals()
        self.emit(start)
        for notice in self.assistant.store.notices:
            self.emit(Warning("store", notice))
        await body()
        end = self._end()
        self.emit(end)
        return end.exit_code

    def _end(self) -> SessionEnd:
        answer, code = self.answer, self._exit_code()
        cut = self.signalled is not None or bool(answer and answer.finish_reason == "interrupted")
        return SessionEnd(
            status="error" if self.errors else "interrupted" if cut else "ok",
            exit_code=code,
            turns=self._turns,
            text=answer.text if answer else "",
            finish_reason=answer.finish_reason if answer else None,
            grounding=answer.grounding if answer else None,
            citations=self.citations,
            usage=answer.usage if answer else Usage(),
            seconds=answer.seconds if answer else 0.0,
            errors=[error.message for error in self.errors],
            expected=self.expected,
        )

    def _exit_code(self) -> int:
        if self.signalled is not None:
            return self.signalled
        if self.errors:
            return int(_EXIT_CODES.get(self.errors[0].code, ExitCode.ERROR))
        return int(ExitCode.OK)

    def _obey_signals(self) -> None:
        # Not `loop.add_signal_handler`: the loop may be waiting for whoever reads our pipe, and
        # the second signal must end the process even then.
        loop = asyncio.get_running_loop()

        def obey(number: int, frame: FrameType | None) -> None:
            if self.signalled is not None:
                # Asked twice: go at once. What was flushed is on disk and shows as interrupted.
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            self.signalled = _SIGNALS[signal.Signals(number)]
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(self.assistant.interrupt)

        for number in _SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, obey)
