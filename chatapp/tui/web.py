"""The chat window in a browser: textual-serve, with a door in front of it.

A web page of anybody's may open a web socket to this machine, so the address alone must not be
enough: the page is opened with a key that no other page knows, which becomes a cookie.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.driver import Driver

COOKIE = "chatapp_key"
FORBIDDEN = "Open the address that chatapp printed; it holds a key."


def in_browser() -> bool:
    """Return whether this process was started by textual-serve for a browser window."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def new_key() -> str:
    """Return a key for one run of the server."""
    return secrets.token_urlsafe(24)


def serve(command: str, host: str, port: int, key: str) -> None:
    """Serve windows that run `command` until Ctrl+C; only who knows `key` gets one."""
    from textual_serve import server

    web: Any = vars(server)["web"]  # aiohttp, as textual-serve uses it

    @web.middleware  # type: ignore[untyped-decorator, unused-ignore]
    async def guard(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        given = request.query.get("key", "") or request.cookies.get(COOKIE, "")
        origin = request.headers.get("Origin", f"http://{host}:{port}")
        known = secrets.compare_digest(given.encode(), key.encode())
        if request.host != f"{host}:{port}" or origin != f"http://{host}:{port}" or not known:
            raise web.HTTPForbidden(text=FORBIDDEN)
        response = await handler(request)
        if request.path == "/":
            response.set_cookie(COOKIE, key, httponly=True, samesite="Strict")
        return response

    class GuardedServer(server.Server):  # type: ignore[misc, unused-ignore]
        async def _make_app(self) -> Any:
            app = await super()._make_app()
            app.middlewares.append(guard)
            return app

        async def on_startup(self, app: Any) -> None:
            """Print nothing: the command line has said where to look."""

        def initialize_logging(self) -> None:
            """Log nothing to the terminal."""

    GuardedServer(command, host=host, port=port, title="chatapp").serve()


def web_driver(fd: int) -> type[Driver]:
    """Return the driver that speaks to textual-serve through `fd` instead of descriptor 1."""
    from textual.drivers.web_driver import WebDriver

    class BrowserDriver(WebDriver):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.fileno = fd
            self._write = lambda data: os.write(fd, data)  # type: ignore[assignment]

    return BrowserDriver
