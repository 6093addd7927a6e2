"""`--record` and `--replay-http`: a session with a remote model, repeated after its server left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp.cli.main import main
from tests.server.endpoint import ScriptedServer, failure, stream

SCRIPT = """\
- set: {sources: false}
- user: hello
- expect: {contains: there}
- user: and again
"""
REPEATABLE = ("--ephemeral", "--seed", "1", "--clock", "2026-01-01T00:00:00Z")
KEY = "sk-secret-0123456789"


@pytest.fixture
def session(tmp_path: Path, chatapp_home: Path, capsys, monkeypatch):
    """Return a function that runs SCRIPT with a remote model and gives code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OWN_KEY", KEY)
    Path("script.yaml").write_text(SCRIPT)

    def run(url: str, *options: str) -> tuple[int, str, str]:
        (chatapp_home / "config.toml").write_text(
            f'[remotes.own]\nbase_url = "{url}"\nmodel = "m"\napi_key_env = "OWN_KEY"\n'
        )
        command = ["run", "script.yaml", "--model", "own", "--output", "jsonl"]
        code = main([*command, *REPEATABLE, *options])
        return code, *capsys.readouterr()

    return run


def test_a_recorded_session_is_repeated_to_the_byte_without_the_server(session, capsys):
    answers = [stream("Hello", " there"), stream("Yes", ", again")]
    with ScriptedServer(*answers).running() as server:
        url = server.url
        code, first, err = session(url, "--record", "tape.jsonl")
    assert (code, err) == (0, "")
    assert json.loads(first.splitlines()[0])["offline"] is False
    code, second, err = session(url, "--replay-http", "tape.jsonl")
    assert (code, err) == (0, "")
    assert second == first.replace('"offline": false', '"offline": true')
    Path("transcript.jsonl").write_text(second)
    assert main(["replay", "transcript.jsonl", "--strict", "--replay-http", "tape.jsonl"]) == 0
    assert KEY not in Path("tape.jsonl").read_text()


def test_failures_are_repeated_too(session):
    with ScriptedServer(failure(401, "no such key")).running() as server:
        url = server.url
        recorded = session(url, "--record", "tape.jsonl")
    replayed = session(url, "--replay-http", "tape.jsonl")
    assert recorded[0] == replayed[0] == 1
    message = "own wants another key (status 401): no such key"
    assert message in recorded[1]
    assert message in replayed[1]


def test_what_was_not_recorded_is_not_asked(session):
    with ScriptedServer(stream("Hello there"), stream("Yes")).running() as server:
        url = server.url
        session(url, "--record", "tape.jsonl")
    tape = Path("tape.jsonl").read_text().splitlines(keepends=True)
    Path("tape.jsonl").write_text("".join(tape[:-1]))
    code, out, _ = session(url, "--replay-http", "tape.jsonl")
    assert code == 1
    assert "the recording holds no answer to this request" in out


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, 3, "there is no file"),
        ("hello", 2, "line 1 is no recorded exchange"),
        ('{"url": "x"}', 2, "line 1 is no recorded exchange"),
        ('{"url": "x", "body": 1, "lines": [1], "failure": null}', 2, "no recorded exchange"),
        ('{"url": "x", "body": 1, "lines": [], "failure": ["No", 0, ""]}', 2, "no recorded"),
    ],
)
def test_what_is_no_recording_is_said(session, content, code, said):
    if content is not None:
        Path("tape.jsonl").write_text(content)
    found, _, err = session("http://127.0.0.1:9/v1", "--replay-http", "tape.jsonl")
    assert found == code
    assert said in err


def test_recording_and_replaying_exclude_each_other(session):
    code, _, err = session("http://127.0.0.1:9/v1", "--record", "a", "--replay-http", "b")
    assert code == 2
    assert "--record and --replay-http exclude each other" in err
