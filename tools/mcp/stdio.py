"""A server that is a program: started, spoken to over its pipes, and ended with all its children.

The thing to know: `mcp` has such a transport too. This one exists for what that one leaves open: a
line without an end would fill our memory, lines that are no messages would be logged for ever, and
what the program writes to stderr would be painted over the chat.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

LONGEST_MESSAGE = 8 << 20  # bytes of one line
MOST_GARBAGE = 200  # lines that are no messages, before the program is taken for no server
_KEPT_ERRORS = 4_000  # bytes of stderr
_GRACE = 1.0  # seconds to end by itself, and again after SIGTERM
_INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")


class Program:
    """One run of a server's program; `last_words` is the end of its stderr, for messages."""

    def __init__(
        self,
        command: str,
        args: Sequence[str],
        env: Mapping[str, str],
        ended: Callable[[], None],
    ) -> None:
        """Start nothing yet; of our own environment it gets only what every program needs.

        `ended` is called in the event loop when the program says nothing more.
        """
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._command = [os.path.expanduser(command), *args]  # noqa: PTH111 - it may be no path
        self._env = inherited | dict(env)
        self._errors = bytearray()
        self._ended = ended
        self.fault = ""

    @property
    def last_words(self) -> str:
        """Return the last line that the program wrote to stderr."""
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    @asynccontextmanager
    async def streams(
        self,
    ) -> AsyncGenerator[
        tuple[
            MemoryObjectReceiveStream[SessionMessage | Exception],
            MemoryObjectSendStream[SessionMessage],
        ]
    ]:
        """Run the program; yield what it says and what is to be said to it.

        Raises:
            OSError: it cannot be started.
        """
        import anyio
        from mcp.shared.message import SessionMessage

        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
            start_new_session=True,  # so that its children can be ended with it
            limit=LONGEST_MESSAGE,
        )
        into, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        said, out_of = anyio.create_memory_object_stream[SessionMessage](0)
        try:
            async with into, heard, said, out_of, anyio.create_task_group() as tasks:
                tasks.start_soon(self._listen, process, into)
                tasks.start_soon(_speak, process, out_of)
                tasks.start_soon(self._keep_errors, process)
                yield heard, said
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)

    async def _listen(
        self, process: asyncio.subprocess.Process, into: MemoryObjectSendStream[Any]
    ) -> None:
        async with into:
            await self._pass_on(process, into)
        self._ended()

    async def _pass_on(
        self, process: asyncio.subprocess.Process, into: MemoryObjectSendStream[Any]
    ) -> None:
        """Pass on each line that is a message, until there are no more."""
        import anyio
        from mcp.shared.message import SessionMessage
        from mcp.types import jsonrpc_message_adapter

        assert process.stdout is not None
        garbage = 0
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # of asyncio: no end of the line within the limit
                self.fault = f"sent a message of more than {LONGEST_MESSAGE >> 20} MB"
                return
            if not line:
                return
            try:
                message = SessionMessage(jsonrpc_message_adapter.validate_json(line))
            except ValueError:
                garbage += bool(line.strip())
                if garbage > MOST_GARBAGE:
                    self.fault = "writes lines that are no messages of the protocol"
                    return
                continue
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await into.send(message)

    async def _keep_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while piece := await process.stderr.read(4096):
            self._errors += piece
            del self._errors[:-_KEPT_ERRORS]


async def _speak(
    process: asyncio.subprocess.Process, out_of: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    assert process.stdin is not None
    async for message in out_of:
        line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
        with contextlib.suppress(OSError):  # it has ended; `_listen` sees that too
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program and its children: politely, then not."""
    assert process.stdin is not None
    process.stdin.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)
        # Children too, also where the program itself has ended: the group outlives its leader.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    await process.wait()
    process._transport.close()  # type: ignore[attr-defined]
