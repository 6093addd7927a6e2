"""MCP servers as real processes: their tools work, and whatever they do stays theirs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools.calls import ToolCall, ToolResult
from tools.mcp import McpServers, servers
from tools.mcp.naming import clean, description, schema, tool_name
from tools.protocol import CallLimits, Stop, ToolContext
from tools.registry import ToolRegistry

pytest.importorskip("mcp", reason="the extra [mcp] is not installed")

SERVER = str(Path(__file__).with_name("server.py"))


@dataclass(frozen=True)
class Settings:
    """A table `[mcp.servers.NAME]`."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    api_key_env: str = ""
    enabled: bool = True
    seconds: float = 20.0


def script(code: str, seconds: float = 20.0) -> Settings:
    """Return a server that is a few lines of Python."""
    return Settings(sys.executable, ("-c", code), seconds=seconds)


@contextmanager
def connected(**settings: Settings) -> Iterator[tuple[ToolRegistry, McpServers]]:
    """Connect servers and close them afterwards."""
    mcp = McpServers(settings)
    try:
        yield ToolRegistry(mcp.connect()), mcp
    finally:
        mcp.close()


def call(
    registry: ToolRegistry, tool: str, seconds: float = 20.0, **arguments: object
) -> ToolResult:
    """Call one tool of the server `odd`."""
    limits = CallLimits(seconds=seconds)
    return registry.run(ToolCall(f"mcp__odd__{tool}", arguments), ToolContext(limits))


def until(found: Callable[[], bool]) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def odd() -> Iterator[ToolRegistry]:
    """The tools of a real server that is a program."""
    settings = Settings(sys.executable, (SERVER,), env={"GIVEN": "yes"})
    with connected(odd=settings) as (registry, mcp):
        assert mcp.problems == {}
        yield registry


def test_its_tools_are_called_under_our_rules(odd: ToolRegistry) -> None:
    """A result comes as text and as a value; wrong arguments never reach the server."""
    found = call(odd, "add", a=1, b=2)
    assert (found.output.text, found.output.value) == ("3", {"result": 3})
    assert call(odd, "add", a="one", b=2).failure == "arguments"
    assert all(tool.needs_approval for tool in odd)


def test_what_it_says_of_itself_is_cleaned(odd: ToolRegistry) -> None:
    """Escape sequences and impossible names of a server reach nobody."""
    tool = odd.find("mcp__odd__add")
    assert tool is not None
    assert tool.description == "Add two numbers.[2J (MCP server odd)"
    [strange] = [name for name in odd.names() if "bad_name" in name]
    assert len(strange) <= 64
    assert odd.run(ToolCall(strange)).output.text == "called"
    failed = call(odd, "refuse")
    assert failed.failure == "refused"
    assert "\x1b" not in failed.error


def test_it_sees_nothing_of_our_environment(
    odd: ToolRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the few variables that every program needs, and those of its table."""
    assert "GIVEN=yes" in call(odd, "environment").output.text
    assert "PYTEST_CURRENT_TEST" not in call(odd, "environment").output.text


def test_a_server_that_does_not_answer_costs_its_time_and_no_more(odd: ToolRegistry) -> None:
    """A hanging tool ends at the limit or at a person's word, and the server goes on."""
    assert call(odd, "hang", seconds=0.3).failure == "time"
    stop = Stop()
    stop.set()
    stopped = odd.run(ToolCall("mcp__odd__hang"), ToolContext(stop=stop))
    assert stopped.failure == "stopped"
    assert call(odd, "add", a=2, b=2).output.text == "4"


def test_a_server_that_crashes_says_its_last_words_and_is_started_again(odd: ToolRegistry) -> None:
    """The call that met the crash names it; the next one finds a new server."""
    crashed = call(odd, "crash")
    assert crashed.failure == "refused"
    assert "the disk is on fire" in crashed.error
    assert call(odd, "add", a=3, b=4).output.text == "7"


def test_a_flood_is_cut_and_a_larger_one_ends_the_server(odd: ToolRegistry) -> None:
    """One megabyte is shortened; twenty in one line are never taken into memory whole."""
    cut = call(odd, "flood", megabytes=1)
    assert cut.ok
    assert len(cut.output.text) < 20_000
    assert "more than 8 MB" in call(odd, "flood", megabytes=20).error
    assert call(odd, "add", a=3, b=5).output.text == "8"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Settings("/no/such/program"), "there is no program"),
        (script("import time; time.sleep(600)", seconds=0.5), "did not answer within 0.5 seconds"),
        (script("raise SystemExit('no licence')"), "its last words: no licence"),
        (script("while True: print('hello')"), "no messages of the protocol"),
        (script("while True: print('x' * 99999, end='')"), "more than 8 MB"),
        (Settings(url="http://127.0.0.1:9/mcp", seconds=5.0), "refused|connect|attempts"),
    ],
    ids=["missing", "mute", "dying", "garbage", "endless line", "nobody there"],
)
def test_a_server_that_cannot_be_used_says_why(settings: Settings, reason: str) -> None:
    """Connecting never fails as a whole; the reason and the table to correct are given."""
    with connected(odd=settings) as (registry, mcp):
        assert registry.names() == []
        problem = mcp.problems["odd"]
    assert re.search(reason, problem.reason), problem
    assert problem.fix == "correct [mcp.servers.odd]."


def test_a_bad_server_does_not_take_the_others_with_it() -> None:
    """Servers connect side by side."""
    good = Settings(sys.executable, (SERVER,))
    with connected(odd=good, bad=Settings("/no/such/program")) as (registry, mcp):
        assert list(mcp.problems) == ["bad"]
        assert call(registry, "add", a=1, b=1).output.text == "2"


def test_closing_ends_the_program_and_its_children(tmp_path: Path) -> None:
    """Even a server that ignores every polite request, and left a child behind, is gone."""
    pids = tmp_path / "pids"
    stubborn = script(f"""
import os, signal, subprocess, sys, runpy
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; "
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"], stdin=subprocess.DEVNULL)
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
sys.argv = ["server.py"]
runpy.run_path({SERVER!r}, run_name="__main__")
import time; time.sleep(600)
""")
    with connected(odd=stubborn) as (registry, _):
        assert call(registry, "add", a=1, b=1).ok
        numbers = [int(number) for number in pids.read_text().split()]
        assert all(alive(number) for number in numbers)
    until(lambda: not any(alive(number) for number in numbers))


def alive(number: int) -> bool:
    """Say whether a process runs; one that waits to be collected does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_over_http_works_and_gets_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real server on the loopback, reached with the key of the named variable."""
    monkeypatch.setenv("ODD_KEY", "k1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, SERVER, "http", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: listens(port))
        settings = Settings(url=f"http://127.0.0.1:{port}/mcp", api_key_env="ODD_KEY")
        with connected(odd=settings) as (registry, mcp):
            assert mcp.problems == {}
            assert call(registry, "add", a=20, b=22).output.text == "42"
            assert "more than 8 MB" in call(registry, "flood", megabytes=20).error
            assert call(registry, "hang", seconds=0.3).failure == "time"
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert call(registry, "add", a=1, b=1).failure == "refused"
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    """Say whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


OLD = """
import json, sys
HUGE = {"type": "object", "title": "y" * 50_000}
TOOL = {"name": "echo", "description": "Say it again.", "inputSchema": {"type": "object",
    "properties": {"text": {"type": "string"}}, "required": ["text"]}}
for line in sys.stdin:
    asked = json.loads(line)
    answers = {
        "initialize": {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}},
            "serverInfo": {"name": "old", "version": "1"}},
        "tools/list": {"tools": [TOOL, {**TOOL, "name": "odd", "inputSchema": HUGE}]},
        "tools/call": {"content": [
            {"type": "text", "text": str(asked.get("params", {}).get("arguments"))},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}]},
    }
    if "id" in asked:
        known = asked["method"] in answers
        said = {"result": answers[asked["method"]]} if known else {
            "error": {"code": -32601, "message": "Method not found"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}), flush=True)
"""


def test_a_server_of_the_first_protocol_version_works_too() -> None:
    """Written by hand, without the package; pictures are named, and a huge schema is left out."""
    with connected(odd=script(OLD)) as (registry, mcp):
        assert mcp.problems == {}
        assert registry.names() == ["mcp__odd__echo"]
        found = call(registry, "echo", text="hello")
        assert found.output.text.splitlines() == [
            "{'text': 'hello'}",
            "[image: image/png, 3 bytes]",
            "inside",
        ]


def test_without_the_package_every_server_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started, and the person is told what to install."""
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda name: None)
    mcp = McpServers({"odd": Settings("/bin/true"), "off": Settings("/bin/true", enabled=False)})
    assert mcp.connect() == []
    assert list(mcp.problems) == ["odd"]
    assert "pip install -e '.[mcp]'" in mcp.problems["odd"].fix


def test_names_keep_apart_and_schemas_stay_small() -> None:
    """Names that clean to the same differ by a mark; what is too large or deep is left out."""
    assert tool_name("a", "read_file") == "mcp__a__read_file"
    assert tool_name("a", "x/y") != tool_name("a", "x y")
    assert description("a", None) == "(MCP server a)"
    assert len(description("a", "x" * 10_000)) < 1_100
    assert schema({"properties": {}}) == {"properties": {}, "type": "object"}
    assert schema({"description": "x" * 50_000}) is None
    assert schema("no object") is None
    nested: dict[str, object] = {}
    for _ in range(100):
        nested = {"properties": nested}
    assert schema(nested) is None
    assert json.dumps(clean({"a\x1b": ["\u202eb"]})) == '{"a": ["b"]}'
    assert os.sep not in tool_name("a", "../../etc")
