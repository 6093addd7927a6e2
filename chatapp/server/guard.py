"""The doorkeeper: who may come in, how often, and with how much.

Checks in order: the Host header (a web page that lets its name point to this machine is turned
away), the key, how many requests a client made lately, the size of the body. It also gives each
request its client's name, by which the queue is shared fairly: the key or token that was sent, and
the address it came from.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatapp.server.config import ServerConfig
from chatapp.server.errors import ApiError
from chatapp.server.responses import error_response

_OPEN_PATHS = {"/health", "/openapi.json"}  # they tell nothing about anyone
_MOST_CLIENTS = 4096  # whose pace is remembered


class Guard:
    """ASGI middleware; see the module."""

    def __init__(
        self, app: ASGIApp, config: ServerConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._config = app, config
        self._hosts = config.allowed_hosts()
        self._pace = Pace(config.requests_per_minute, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with what is wrong."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except ApiError as error:
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, self._limited(receive), send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers.get("host", ""))
        token = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if scope["path"] not in _OPEN_PATHS:
            self._check_key(token)
        address = (scope.get("client") or ("", 0))[0]
        client = hashlib.sha256(f"{address} {token}".encode()).hexdigest()[:16]
        scope.setdefault("state", {})["client"] = client
        if scope["path"].startswith("/v1/"):
            self._pace.check(client)
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._config.body_bytes:
            raise self._too_large()

    def _check_host(self, header: str) -> None:
        name = _host_name(header)
        if name in self._hosts or _is_address(name):
            return
        raise ApiError(
            403,
            f"this server is not called {name or '(nothing)'!r}; "
            "use its address, or add the name to the setting server.hosts",
            code="wrong_host",
        )

    def _check_key(self, token: str) -> None:
        keys = self._config.keys
        given = token.encode()
        right = [hmac.compare_digest(given, key.encode()) for key in keys]  # all, in equal time
        if keys and not any(right):
            raise ApiError(
                401,
                "the API key is missing or wrong; send it as: Authorization: Bearer KEY",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _limited(self, receive: Receive) -> Receive:
        """Count what really comes in: a length that is announced need not be true."""
        taken = 0

        async def count() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._config.body_bytes:
                raise self._too_large()
            return message

        return count

    def _too_large(self) -> ApiError:
        return ApiError(
            413,
            f"the request has more than {self._config.body_bytes:,} bytes; "
            "shorten it, or raise the setting server.max_body_mb",
            code="body_too_large",
        )


class Pace:
    """Requests of a client within a minute, as a bucket that fills up again steadily."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, when

    def check(self, client: str) -> None:
        """Count a request. Raises ApiError (429) when there were too many."""
        if not self._per_minute:
            return
        now, each = self._clock(), 60 / self._per_minute
        level, then = self._buckets.pop(client, (float(self._per_minute), now))
        level = min(self._per_minute, level + (now - then) / each)
        self._buckets[client] = (max(level - 1, 0) if level >= 1 else level, now)
        while len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if level < 1:
            wait = max(1, round((1 - level) * each))
            raise ApiError(
                429,
                f"more than {self._per_minute} requests a minute; try again in {wait} s",
                code="rate_limit_exceeded",
                headers={"Retry-After": str(wait)},
            )


def _host_name(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
