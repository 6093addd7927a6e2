"""One server: its thread, its event loop, its session, and calls into them from outside.

The thing to know: a session of `mcp` lives in one task, which waits while calls come in from other
threads. A server that ended is started again by the next call, never in the middle of one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import math
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

from retrieval.text import sanitize_title
from tools.mcp.http import Address
from tools.mcp.stdio import Program
from tools.protocol import Json, ToolContext, ToolError

if TYPE_CHECKING:
    from anyio import CancelScope
    from mcp import Client
    from mcp.types import CallToolResult, Tool

MOST_TOOLS = 128  # of one server
_MOST_PAGES = 32
_ENDING = 8.0  # seconds for a server to end
_SETTLING = 2.5  # seconds for a session to end after its server did
_CONNECTION_CLOSED = -32000  # mcp.types.CONNECTION_CLOSED

log = logging.getLogger("chatapp.mcp")
# Where nobody keeps a log, Python prints warnings on stderr, which is the chat's own screen.
logging.getLogger("mcp").addHandler(logging.NullHandler())


class ServerSettings(Protocol):
    """What the settings say of a server: the table `[mcp.servers.NAME]`."""

    @property
    def command(self) -> str:
        """Return the program, or nothing."""
        ...

    @property
    def args(self) -> tuple[str, ...]:
        """Return its arguments."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """Return the variables that it gets."""
        ...

    @property
    def url(self) -> str:
        """Return the address, or nothing."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return headers to send there."""
        ...

    @property
    def api_key_env(self) -> str:
        """Return the name of the variable that holds the key to send there."""
        ...

    @property
    def enabled(self) -> bool:
        """Say whether it is used."""
        ...

    @property
    def seconds(self) -> float:
        """Return how long connecting may take."""
        ...


class Connection:
    """A server that is connected while `problem` is empty; `listed` are its tools, unchecked."""

    def __init__(self, name: str, settings: ServerSettings) -> None:
        self.name = name
        self.listed: list[Tool] = []
        self.problem = "it is not connected"
        self._settings = settings
        self._server: Program | Address | None = None
        self._client: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._attempt: CancelScope | None = None
        self._closed = False
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to connect; `wait` waits for it."""
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, name=f"mcp-{self.name}", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until it is connected or cannot be; say whether it is."""
        return self._ready.wait(seconds) and not self.problem

    def call(
        self, tool: str, arguments: Mapping[str, Json], context: ToolContext
    ) -> CallToolResult:
        """Call a tool by its true name, from any thread but the server's own.

        Raises:
            ToolError: the server does not answer in time, has ended, or says no.
        """
        self._be_connected(context)
        assert self._loop is not None
        future = asyncio.run_coroutine_threadsafe(self._ask(tool, arguments), self._loop)
        context.stop.when_set(lambda: _cancel(future))
        try:
            return future.result(context.remaining() + 1)  # the registry gives up before that
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise ToolError(f"The MCP server {self.name} did not answer in time.") from None
        except concurrent.futures.CancelledError as error:
            if context.stop.is_set():
                raise ToolError("The call was stopped.") from None
            raise ToolError(self._ended(error, context)) from None
        except Exception as error:  # noqa: BLE001 - whatever a server provokes is its own failure
            raise ToolError(self._ended(error, context)) from None

    def _ended(self, error: BaseException, context: ToolContext) -> str:
        """Return why a call failed; where the session ended too, once it has."""
        assert self._thread is not None
        if getattr(error, "code", _CONNECTION_CLOSED) == _CONNECTION_CLOSED:
            self._thread.join(min(_SETTLING, context.remaining()))
        return f"The MCP server {self.name}: {self._why(error)}"

    def ask_to_close(self) -> None:
        """Ask the session to end for good, without waiting for it."""
        self._closed = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._end)

    def close(self) -> None:
        """End the session, and the program if it is one; waits a few seconds for it."""
        self.ask_to_close()
        if self._thread is not None:
            self._thread.join(_ENDING)

    def _end(self) -> None:
        """End the session, or the attempt to have one. Call it in the server's own thread."""
        if self._closing is not None:
            self._closing.set()
        if self._client is None and self._attempt is not None:
            self._attempt.cancel()

    def _be_connected(self, context: ToolContext) -> None:
        with self._lock:
            if self._closed:
                raise ToolError(f"The MCP server {self.name}: chatapp is closing.")
            if self._ready.is_set() and self.problem:
                assert self._thread is not None
                self._thread.join(context.remaining())  # its program may still be ending
                self.start()
            if not self.wait(context.remaining()):
                raise ToolError(f"The MCP server {self.name}: {self.problem}.")

    def _run(self) -> None:
        try:
            asyncio.run(self._session())
        except BaseException as error:  # noqa: BLE001 - as above; the thread only ends
            self.problem = self._why(error)
            log.info("MCP server %s: %s", self.name, self.problem)
        finally:
            self._client = None
            self._ready.set()

    async def _session(self) -> None:
        """Connect, list the tools, and stay until somebody closes or the server ends."""
        import anyio
        from mcp import Client

        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        seconds = self._settings.seconds
        self.problem = f"it did not answer within {seconds:g} seconds"
        with anyio.move_on_after(seconds) as self._attempt:
            async with Client(self._transport(), cache=None) as client:
                self.listed = await _list_tools(client)
                self._attempt.deadline = math.inf
                self._client, self.problem = client, ""
                self._ready.set()
                await self._closing.wait()
                self.problem = "it has ended"

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        settings = self._settings
        if settings.command:
            self._server = Program(settings.command, settings.args, settings.env, self._lost)
            return self._server.streams()
        key = os.environ.get(settings.api_key_env, "") if settings.api_key_env else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._server = Address(settings.url, {**headers, **settings.headers})
        return self._server.streams()

    def _lost(self) -> None:
        """The program said its last: end the session, so that the next call starts it again."""
        if self._closing is not None:
            self._closing.set()

    async def _ask(self, tool: str, arguments: Mapping[str, Json]) -> CallToolResult:
        from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult

        if self._client is None:
            raise ConnectionError(self.problem or "it has ended")
        # Not `client.call_tool`: that runs the patterns of the server's own output schema on the
        # server's own output, and a pattern can take for ever while it holds the interpreter.
        request = CallToolRequest(
            params=CallToolRequestParams(name=tool, arguments=dict(arguments))
        )
        return await self._client.session.send_request(request, CallToolResult)

    def _why(self, error: BaseException) -> str:
        """Return the reason in words, the program's own last ones with it."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        server = self._server
        if server is not None and server.fault:
            return f"it {server.fault}"
        if isinstance(error, FileNotFoundError):
            return f"there is no program {self._settings.command!r}"
        said = sanitize_title(str(getattr(error, "message", "") or error) or type(error).__name__)
        if server is not None and server.last_words:
            return f"{said}; its last words: {sanitize_title(server.last_words)}"
        return said


def _cancel(future: concurrent.futures.Future[Any]) -> None:
    future.cancel()


async def _list_tools(client: Client) -> list[Tool]:
    listed: list[Tool] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        listed += page.tools
        cursor = page.next_cursor
        if cursor is None or len(listed) >= MOST_TOOLS:
            break
    return listed[:MOST_TOOLS]
