"""The one module that imports httpx, so that it can be swapped in one place.

Two things go over the wire: requests to an API that a person set up (`api_lines`), which follow the
environment's proxies, and requests to strangers (`Wire`), which go through the guard and bring
nothing along: no cookies, no proxy, no redirects, no second try without the certificate.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from retrieval.web.connect import CONNECT_SECONDS, GuardedBackend
from retrieval.web.dns import Resolver
from retrieval.web.errors import Dropped, Refused, TimedOut, Unreachable, Untrusted
from retrieval.web.guard import Guard
from retrieval.web.urls import WebUrl

_MOST_REFUSAL = 1 << 20  # bytes of an answer that says no
_MOST_LINE = 8 << 20  # bytes of a streamed line
_SILENCE = 15.0  # seconds without a byte, of a stranger; the deadline of the whole is elsewhere
_KEPT_OPEN = 15.0  # seconds that a connection waits for the next page of the same host


async def api_lines(
    method: str, url: str, headers: Mapping[str, str], json: Any, connect: float, silence: float
) -> AsyncIterator[str]:
    """Yield the lines of an API's answer as they come. `connect` and `silence` are in seconds.

    Raises:
        HttpError: see `errors`.
    """
    timeout = httpx.Timeout(silence, connect=connect)
    with _failures(f"no connection within {connect:g} s"):
        async with (
            httpx.AsyncClient(timeout=timeout) as client,
            client.stream(method, url, headers=dict(headers), json=json) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                body = await _beginning(answer)
                raise Refused(answer.status_code, body, _retry_after(answer.headers))
            async for line in _split(answer.aiter_bytes()):
                yield line


Tls = ssl.SSLContext
"""What certificates are trusted."""


@dataclass(frozen=True)
class Answer:
    """What a stranger's server says: status, headers (names in lower case), and the raw body."""

    status: int
    headers: Mapping[str, str]
    raw: Callable[[], AsyncIterator[bytes]]


class Wire:
    """Connections through one guard, for one event loop."""

    def __init__(self, guard: Guard, resolver: Resolver, tls: Tls | None = None) -> None:
        context = tls or httpx.create_ssl_context(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=16,
            max_keepalive_connections=8,
            keepalive_expiry=_KEPT_OPEN,
            network_backend=GuardedBackend(guard, resolver),
        )
        self._transport = _Transport(self._pool)

    @asynccontextmanager
    async def ask(
        self, url: WebUrl, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[Answer]:
        """GET, or POST a body; the answer is read while the context is open. Raises HttpError."""
        timeout = httpx.Timeout(_SILENCE, connect=CONNECT_SECONDS).as_dict()
        asked = {"Host": url.authority, **headers}
        method = "GET" if body is None else "POST"
        with _failures("the server does not answer"):
            request = httpx.Request(
                method, str(url), headers=asked, content=body, extensions={"timeout": timeout}
            )
            answer = await self._transport.handle_async_request(request)
            try:
                # the last of several counts; those that matter here are single by their standard
                said = {name.lower(): value for name, value in answer.headers.items()}
                yield Answer(answer.status_code, said, answer.aiter_raw)
            finally:
                await answer.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Transport(httpx.AsyncBaseTransport):
    """httpx over a pool of our own: its own transport cannot be given a network backend."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        answer = await self._pool.handle_async_request(asked)
        stream = _Stream(answer)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream)


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer.aiter_stream():
            yield piece

    async def aclose(self) -> None:
        await self._answer.aclose()


@contextmanager
def _failures(no_connection: str) -> Iterator[None]:
    """Turn what httpx and httpcore raise into our errors."""
    try:
        yield
    except (httpx.ConnectTimeout, httpcore.ConnectTimeout):
        raise TimedOut(no_connection) from None
    except (httpx.ConnectError, httpcore.ConnectError) as error:
        kind = Untrusted if _about_certificates(error) else Unreachable
        raise kind(str(error) or type(error).__name__) from None
    except (UnicodeEncodeError, httpx.LocalProtocolError, httpcore.LocalProtocolError):
        # the error itself would show the header, and headers carry keys
        raise Unreachable("a header has characters that no header may have") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise Unreachable(str(error)) from None
    except (httpx.TimeoutException, httpcore.TimeoutException):
        raise TimedOut("the server went silent") from None
    except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise Dropped(str(error) or type(error).__name__) from None


def _about_certificates(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _split(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield lines. httpx would wait for the end of one however long it is, and ends one at U+2028
    too, which stands unescaped in texts as JSON.
    """
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(rest) > _MOST_LINE:
            raise Dropped("the answer has no end of line")
    if rest:
        yield rest.removesuffix(b"\r").decode("utf-8", "replace")


async def _beginning(answer: httpx.Response) -> str:
    """Return the first MiB of a body."""
    body = b""
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) >= _MOST_REFUSAL:
            break
    return body[:_MOST_REFUSAL].decode("utf-8", "replace")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
