"""A server that says what a test wrote down: statuses, bodies, pieces of streams, silence."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Respond = Callable[[BaseHTTPRequestHandler, Any], None]


class ScriptedServer:
    """Answers POST requests one after the other with `script`; GET lists one model.

    What was asked stands in `bodies` and `keys`.
    """

    def __init__(self, *script: Respond, models: Respond | None = None) -> None:
        self.bodies: list[Any] = []
        self.keys: list[str] = []
        self.url = ""
        self._script = iter(script)
        self._models = models or answer(200, {"data": [{"id": "m", "max_model_len": 777}]})

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        """Listen on a free port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scripted._models(self, None)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                scripted.bodies.append(body)
                scripted.keys.append(self.headers.get("authorization", ""))
                next(scripted._script)(self, body)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        return Handler


def answer(status: int, body: object, **headers: str) -> Respond:
    """Return a whole JSON answer."""

    def respond(handler: BaseHTTPRequestHandler, asked: object) -> None:
        raw = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(raw)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return respond


def failure(status: int, message: str, code: str = "", **headers: str) -> Respond:
    """Return an error in OpenAI's shape."""
    return answer(status, {"error": {"message": message, "code": code}}, **headers)


def stream(*words: str, end: bool = True, wait: threading.Event | None = None) -> Respond:
    """Return a streamed answer; without an `end` the connection breaks after the words.

    `wait` is waited for before that.
    """

    def respond(handler: BaseHTTPRequestHandler, asked: object) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        for word in words:
            write(handler, {"choices": [{"delta": {"content": word}, "finish_reason": None}]})
        if wait is not None:
            wait.wait(30)
        if end:
            write(handler, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
            usage = {"prompt_tokens": 22, "completion_tokens": len(words)}
            write(handler, {"choices": [], "usage": usage})
            handler.wfile.write(b"data: [DONE]\n\n")

    return respond


def events(*said: object) -> Respond:
    """Return a streamed answer of these events, whatever they are."""

    def respond(handler: BaseHTTPRequestHandler, asked: object) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(ConnectionError):  # nobody need listen to the end
            for event in said:
                write(handler, event)

    return respond


def write(handler: BaseHTTPRequestHandler, event: object) -> None:
    """Write one event."""
    handler.wfile.write(
        b": a comment\n\ndata: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
    )
    handler.wfile.flush()
