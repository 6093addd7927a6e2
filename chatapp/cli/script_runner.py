"""Carries out the operations of a script in a headless session."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from chatapp.assistant.commands import CommandError, Session, perform
from chatapp.assistant.events import CommandResult, Error, Event
from chatapp.cli.script import Operation, Said, unmet
from chatapp.cli.session import HeadlessSession


class ScriptRunner:
    """Carries out operations in order until one fails (or all of them, with `keep_going`)."""

    def __init__(self, session: HeadlessSession, keep_going: bool, seconds: float | None) -> None:
        self._session = session
        self._assistant = session.assistant
        self._keep_going = keep_going
        self._seconds = seconds
        self._expired = False
        self._commands = Session(session.assistant)
        self._handlers: dict[str, Callable[[Operation], Awaitable[None]]] = {
            "user": self._user,
            "system": self._system,
            "set": self._set,
            "interrupt": self._interrupt,
            "expect": self._expect,
            "command": self._command,
        }

    async def run(self, operations: list[Operation]) -> None:
        """Carry them out; failures become `error` events."""
        if self._seconds is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._expire)
        for operation in operations:
            await self._handlers[operation.name](operation)
            if self._expired:
                message = f"The session took longer than {self._seconds:g} seconds."
                self._session.emit(Error("timeout", message))
            failed = bool(self._session.errors) and not self._keep_going
            if failed or self._expired or self._session.signalled is not None:
                return

    def _expire(self) -> None:
        self._expired = True
        self._assistant.interrupt()

    async def _user(self, operation: Operation) -> None:
        await self._render(self._assistant.turn(self._commands.conversation, operation.value))

    async def _system(self, operation: Operation) -> None:
        self._change(system=operation.value)

    async def _set(self, operation: Operation) -> None:
        values = dict(operation.value)
        if "sources" in values:
            self._change(use_sources=values.pop("sources"))
        self._assistant.sample(**values)

    async def _interrupt(self, operation: Operation) -> None:
        self._change(interrupt_after=operation.value["after_tokens"])

    async def _expect(self, operation: Operation) -> None:
        answer = self._session.answer
        said = Said(
            answer.text if answer else "",
            len(self._session.citations),
            answer.grounding if answer else None,
        )
        problems = unmet(operation.value, said)
        for problem in problems:
            self._session.emit(Error("expect_failed", f"line {operation.line}: {problem}"))
        self._session.expected += not problems

    async def _command(self, operation: Operation) -> None:
        name = operation.value["name"].removeprefix("/")
        try:
            result = await perform(self._commands, name, operation.value.get("args", {}))
        except CommandError as error:
            self._session.emit(Error("usage", f"line {operation.line}: {error}"))
            return
        if result.text:
            self._session.emit(CommandResult(name, result.text))
        if result.events is not None:
            await self._render(result.events)

    async def _render(self, events: AsyncGenerator[Event, None]) -> None:
        await self._session.render(events)
        self._commands.conversation = self._session.conversation
        self._change(interrupt_after=None)

    def _change(self, **changes: Any) -> None:
        self._assistant.options = dataclasses.replace(self._assistant.options, **changes)
