"""A Hugging Face hub on loopback that serves the directories it is given."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Serves models by id; `fetched` names the files that were asked for in full."""

    def __init__(self, models: dict[str, Path]) -> None:
        self.models = models
        self.fetched: list[str] = []
        self.endpoint = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for one address."""
        path = path.split("?")[0].strip("/")
        if path.startswith("api/models/"):
            return self._list(path.removeprefix("api/models/"))
        model_id, _, rest = path.partition("/resolve/")
        file = self.models.get(model_id, Path("/nowhere")) / rest.partition("/")[2]
        if not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        body = file.read_bytes()
        tag = hashlib.sha256(body).hexdigest()
        return 200, {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"'}, body

    def _list(self, rest: str) -> tuple[int, dict[str, str], bytes]:
        model_id, _, revision = rest.partition("/revision/")
        if model_id == "locked/model":
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if model_id not in self.models:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if revision not in ("", "main"):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        siblings = [
            {"rfilename": file.name, "size": file.stat().st_size}
            for file in sorted(self.models[model_id].iterdir())
        ]
        body = {"id": model_id, "modelId": model_id, "sha": COMMIT, "siblings": siblings}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


@contextmanager
def serving(models: dict[str, Path]) -> Iterator[FakeHub]:
    """Run a hub while the block runs."""
    hub = FakeHub(models)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._send(with_body=False)

        def do_GET(self) -> None:
            hub.fetched.append(self.path)
            self._send(with_body=True)

        def _send(self, *, with_body: bool) -> None:
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
