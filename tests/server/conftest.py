"""A real server in a process of its own, with the tiny model; and a quick way to ask it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "model"
KEY = "a-key-for-tests-only"


class Running(NamedTuple):
    """A server that listens, and its process."""

    url: str
    process: subprocess.Popen[str]


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]


Ask = Callable[..., Answer]


@contextmanager
def serving(home: Path, *options: str, **environment: str) -> Iterator[Running]:
    """Start `chatapp serve` on a free port; end it afterwards."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CHATAPP_")}
    own |= {"CHATAPP_HOME": str(home), "CHATAPP_NATIVE": "false", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "chatapp", "serve", "--port", "0", "--model", str(FIXTURE)]
    process = subprocess.Popen(
        [*command, *options],
        cwd=ROOT,
        env=own | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "http://" in said, f"{said}{process.stderr and process.stderr.read()}"
        yield Running(said.split()[-1], process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests that leave it as they found it."""
    home = tmp_path_factory.mktemp("served-home")
    limits = {"CHATAPP_SERVER_REQUESTS_PER_MINUTE": "0", "CHATAPP_GENERATION_MAX_TOKENS": "16"}
    with serving(home, **limits) as running:
        yield running


@pytest.fixture
def ask(server: Running) -> Ask:
    """Return a function that sends one request to the shared server."""
    return lambda path, body=None, **headers: send(server.url, path, body, **headers)


def send(url: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Send JSON (POST) or nothing (GET); header names have underscores."""
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if data is not None:
        named.setdefault("content-type", "application/json")
    target = url.removesuffix("/v1") + path
    request = urllib.request.Request(target, data, named)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, json.load(response), dict(response.headers.items()))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, json.load(error), dict(error.headers.items()))


ENDS = {"0": -100, "1": -100}  # a bias against the tokens that end an answer


def chat(text: str = "Hello", **fields: Any) -> dict[str, Any]:
    """Return the body of a request to the bare model."""
    message = {"role": "user", "content": text}
    return {"model": "chatapp-raw", "messages": [message], "max_tokens": 12, "seed": 1, **fields}
