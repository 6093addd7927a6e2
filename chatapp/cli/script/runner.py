"""Carries out the operations of a script in a headless session."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from chatapp import paths
from chatapp.assistant.commands import CommandError, Session, perform
from chatapp.assistant.events import CommandResult, Error, Event, OperationStart
from chatapp.assistant.failures import explain
from chatapp.cli.script.expect import unmet
from chatapp.cli.script.operations import Operation, arguments_of
from chatapp.cli.session import HeadlessSession
from chatapp.conversations import StorageError


class ScriptRunner:
    """Carries out operations in order until one fails (or all of them, with `keep_going`)."""

    def __init__(
        self,
        session: HeadlessSession,
        *,
        conversation: str | None = None,
        keep_going: bool = False,
        seconds: float | None = None,
        files: Path | None = None,
    ) -> None:
        """See the class; files are written into the directory `files`, if it is given."""
        self._session = session
        self._assistant = session.assistant
        self._keep_going = keep_going
        self._seconds = seconds
        self._files = files
        self.expired = False
        self._commands = Session(session.assistant, conversation)
        self._own: dict[str, Callable[[Operation], Awaitable[None]]] = {
            "user": self._user,
            "system": self._system,
            "set": self._set,
            "interrupt": self._interrupt,
            "approve": self._approve,
            "expect": self._expect,
            "save": self._save,
        }

    async def run(self, operations: list[Operation]) -> None:
        """Carry them out; failures become `error` events."""
        if self._seconds is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._expire)
        for operation in operations:
            self._session.emit(OperationStart(operation.line, operation.name, operation.value))
            await self._own.get(operation.name, self._command)(operation)
            if self.expired:
                message = f"The session took longer than {self._seconds:g} seconds."
                self._session.emit(Error("timeout", message))
            failed = bool(self._session.errors) and not self._keep_going
            if failed or self.expired or self._session.signalled is not None:
                return

    def _expire(self) -> None:
        self.expired = True
        self._assistant.interrupt()

    async def _user(self, operation: Operation) -> None:
        await self._render(self._commands.send(operation.value))

    async def _system(self, operation: Operation) -> None:
        self._change(system=operation.value)

    async def _set(self, operation: Operation) -> None:
        values = dict(operation.value)
        if values.get("sources"):
            self._change(needs_sources=True)
        for switch in ("sources", "memory", "tools", "web"):
            if switch in values:
                self._change(**{f"use_{switch}": values.pop(switch)})
        self._assistant.sample(**values)

    async def _interrupt(self, operation: Operation) -> None:
        value = operation.value
        self._change(interrupt_after=value if isinstance(value, int) else value["after_tokens"])

    async def _approve(self, operation: Operation) -> None:
        value = operation.value if isinstance(operation.value, dict) else {"tool": operation.value}
        self._session.approvals.add(value["tool"], value.get("decision", "conversation"))

    async def _expect(self, operation: Operation) -> None:
        problems = unmet(operation.value, self._session.said)
        for problem in problems:
            self._fail("expect_failed", operation, problem)
        self._session.expected += not problems

    async def _save(self, operation: Operation) -> None:
        text = self._session.said.text + "\n"
        try:
            file = self._place(operation.value)
            await asyncio.to_thread(file.write_text, text, encoding="utf-8")
        except OSError as error:
            self._fail("storage", operation, f"{operation.value}: {error.strerror}")

    async def _command(self, operation: Operation) -> None:
        name = operation.name
        try:
            arguments = arguments_of(name, operation.value)
            named = arguments.get("file", "")
            if name == "export" and named:
                arguments["file"] = str(self._place(named))
            result = await perform(self._commands, name, arguments)
        except CommandError as error:
            self._fail("usage", operation, str(error))
            return
        except StorageError as error:
            self._session.emit(explain(error))
            return
        if result.text:
            text = result.text
            if self._files is not None and named:
                text = text.replace(arguments["file"], str(paths.expanded(named)))
            self._session.emit(CommandResult(name, text))
        if result.events is not None:
            await self._render(result.events)

    def _place(self, file: str) -> Path:
        """Return where a file of this name is written."""
        return self._files / Path(file).name if self._files is not None else Path(file)

    async def _render(self, events: AsyncGenerator[Event, None]) -> None:
        self._change(attended=bool(self._session.approvals))
        await self._session.render(events)
        self._commands.conversation = self._session.conversation or self._commands.conversation
        self._change(interrupt_after=None)

    def _change(self, **changes: Any) -> None:
        self._assistant.options = dataclasses.replace(self._assistant.options, **changes)

    def _fail(self, code: str, operation: Operation, problem: str) -> None:
        self._session.emit(Error(code, f"line {operation.line}: {problem}"))
