"""`chatapp doctor` on what the chat may reach: tools, remote models, MCP servers, the terminal."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chatapp.cli.doctor import data, outside, terminal
from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main

SERVER = Path(__file__).parents[1] / "tools" / "mcp" / "server.py"


@pytest.fixture
def settings(chatapp_home: Path) -> Path:
    """The settings file of a person, empty and their own alone."""
    file = chatapp_home / "config.toml"
    file.touch(mode=0o600)
    return file


class Models(BaseHTTPRequestHandler):
    """An API that lists one model to whoever has the key."""

    def do_GET(self) -> None:
        """Answer `GET /v1/models`."""
        known = self.headers["Authorization"] == "Bearer k1"
        body = {"data": [{"id": "m", "max_model_len": 4096}]} if known else {"error": "no"}
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def api() -> Iterator[str]:
    """The address of a real API on the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_with_nothing_configured_nobody_is_contacted() -> None:
    """There is no remote, no server and no folder to look at."""
    assert outside.remotes() == []
    assert outside.servers() == []
    assert (outside.folders().status, outside.folders().detail) == ("ok", "tools may read: none")


def test_a_remote_model_answers_or_names_what_is_wrong(
    settings: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its context is shown; a wrong key, a missing key and a dead address each have a fix."""
    settings.write_text(
        f'[remotes.one]\nbase_url = "{api}"\nmodel = "m"\napi_key_env = "ONE_KEY"\n'
        '[remotes.two]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("ONE_KEY", raising=False)
    missing, dead = outside.remotes()
    assert (missing.status, "ONE_KEY" in missing.fix) == ("fail", True)
    assert (dead.status, dead.name) == ("fail", "remote two")
    monkeypatch.setenv("ONE_KEY", "wrong")
    assert outside.remotes()[0].status == "fail"
    monkeypatch.setenv("ONE_KEY", "k1")
    right = outside.remotes()[0]
    assert (right.status, "4,096 tokens" in right.detail) == ("ok", True)


def test_a_remote_model_can_be_the_chosen_one(settings: Path) -> None:
    """It is no directory, and so none is looked for."""
    settings.write_text(
        'model = "one"\n[remotes.one]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    )
    assert data.model().status == "ok"


def test_each_mcp_server_is_tried(
    settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real one says its tools, a missing one fails, a switched-off one is left alone."""
    pytest.importorskip("mcp", reason="the extra [mcp] is not installed")
    settings.write_text(
        f'[mcp.servers.good]\ncommand = "{sys.executable}"\nargs = ["{SERVER}"]\n'
        '[mcp.servers.bad]\ncommand = "/no/such/program"\n'
        '[mcp.servers.off]\ncommand = "/no/such/program"\nenabled = false\n'
    )
    good, bad, off = outside.servers()
    assert (good.status, good.detail.startswith("7 tools: add, ")) == ("ok", True)
    assert (bad.status, bad.fix) == ("fail", "correct [mcp.servers.bad].")
    assert (off.status, off.detail) == ("ok", "switched off")


def test_a_folder_that_is_not_there_is_named(settings: Path, tmp_path: Path) -> None:
    """A misspelled folder would else be a tool that silently reads nothing."""
    settings.write_text(f'tools.folders = ["{tmp_path}", "{tmp_path}/gone"]\n')
    assert outside.folders().detail == f"not there: {tmp_path}/gone"


def test_the_python_tool_is_safe_or_off_with_a_reason(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sandbox's own words are repeated; switched off it is no problem."""
    from tools import python_sandbox

    monkeypatch.setattr(python_sandbox.shutil, "which", lambda name: None)
    python_sandbox.why_unavailable.cache_clear()
    try:
        check = outside.python_tool()
    finally:
        python_sandbox.why_unavailable.cache_clear()
    assert (check.status, "install bubblewrap" in check.fix) == ("warn", True)
    settings.write_text("tools.python = false\n")
    assert outside.python_tool().status == "ok"


def test_a_settings_file_with_a_key_that_others_can_read_is_a_warning(settings: Path) -> None:
    """Only where there is something to hide."""
    settings.chmod(0o644)
    settings.write_text("threads = 1\n")
    assert data.settings().status == "ok"
    settings.write_text('server.api_key = "k1"\n')
    check = data.settings()
    assert (check.status, "chmod 600" in check.fix) == ("warn", True)
    assert "k1" not in check.detail


def test_bad_settings_are_said_once(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read does not fail every check that needs the settings."""
    settings.write_text("treads = 1\n")
    assert main(["doctor", "--output", "json"]) == ExitCode.ERROR
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [check["name"] for check in checks if check["status"] == "fail"] == ["settings"]


@pytest.mark.parametrize(
    ("environment", "check", "status", "words"),
    [
        ({"COLORTERM": "truecolor"}, terminal.colours, "ok", "16 million"),
        ({"TERM": "xterm-256color"}, terminal.colours, "ok", "256"),
        ({"TERM": "vt100"}, terminal.colours, "warn", "TERM=vt100"),
        ({"NO_COLOR": "1"}, terminal.colours, "ok", "NO_COLOR"),
        ({"TERM": "linux"}, terminal.clipboard, "warn", "written to a file"),
        ({"TERM": "xterm", "SSH_TTY": "x"}, terminal.clipboard, "ok", "OSC 52"),
        ({"TERM": "xterm", "TMUX": "x"}, terminal.clipboard, "warn", "tmux keeps it"),
        ({"TERM": "xterm", "TMUX": "x"}, terminal.tmux, "warn", "TERM=xterm"),
    ],
)
def test_what_the_environment_says_of_the_terminal(
    environment: dict[str, str], check, status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Colours, the way to the clipboard, and tmux, each with what to do about it."""
    for name in ("COLORTERM", "TERM", "NO_COLOR", "TMUX", "SSH_TTY", "SSH_CONNECTION", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"PATH": "", **environment}.items():
        monkeypatch.setenv(name, value)
    found = check()
    assert (found.status, words in found.detail) == (status, True), found
    assert bool(found.fix) == (status == "warn")


def test_a_small_window_is_a_warning_and_a_dumb_one_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The chat needs 80 by 24, and a terminal that can move its cursor."""
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.size(os.terminal_size((79, 24))).status == "warn"
    assert terminal.size(os.terminal_size((80, 24))).status == "ok"
    monkeypatch.setenv("TERM", "dumb")
    assert terminal.size(os.terminal_size((80, 24))).status == "fail"
