"""ddgs runs in a child that can be stopped, and its word counts for no more than anybody's."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from retrieval.web.providers.ddgs import Ddgs
from retrieval.web.providers.ddgs_child import Watched, search
from retrieval.web.providers.protocol import Found


def child(tmp_path: Path, body: str) -> Ddgs:
    """Return the provider with another program as its child."""
    script = tmp_path / "child.py"
    script.write_text(f"import json, os, sys, time\nwanted = json.load(sys.stdin)\n{body}\n")
    return Ddgs([sys.executable, str(script)])


def ask(provider: Ddgs, seconds: float = 30) -> Found:
    return provider.search("q", 3, deadline=time.monotonic() + seconds, should_stop=lambda: False)


def test_what_the_child_finds_is_cleaned(tmp_path: Path) -> None:
    """Its results pass the same gate as those of an API."""
    rows = [
        {"href": "https://a.example/", "title": "A\x1b[0m", "body": "b"},
        {"href": "file:///etc/passwd", "title": "no", "body": ""},
    ]
    reply = {"status": "ok", "results": rows, "why": ""}
    found = ask(child(tmp_path, f"print({json.dumps(json.dumps(reply))})"))
    assert [(r.url, r.title, r.snippet) for r in found.results] == [
        ("https://a.example/", "A[0m", "b")
    ]


def test_the_child_gets_the_query_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, proxies and the home of this process are not in its environment."""
    monkeypatch.setenv("BRAVE_API_KEY", "sesame")
    monkeypatch.setenv("HTTPS_PROXY", "http://sesame")
    say = (
        "names = ' '.join(sorted(os.environ)) + json.dumps(wanted['query'])\n"
        "print(json.dumps({'status': 'none', 'results': [], 'why': names}))"
    )
    found = ask(child(tmp_path, say))
    assert found.status == "none"
    assert '"q"' in found.why
    assert "BRAVE" not in found.why
    assert "PROXY" not in found.why
    assert "HOME" not in found.why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sys.exit(3)", "ended with 3"),
        ("os.abort()", "ended with -6"),
        ("print('no json')", "no answer"),
        ("print(json.dumps([]))", "no answer"),
        ("print(json.dumps({'status': 'odd', 'results': 'x', 'why': 1}))", "nothing was found"),
        ("time.sleep(60)", "too long"),
        ("sys.stdout.write('x' * (1 << 22)); sys.stdout.flush(); time.sleep(60)", "too long"),
    ],
)
def test_whatever_the_child_does_the_search_ends(tmp_path: Path, body: str, why: str) -> None:
    """A crash, nonsense, a flood and a hang are each told in words, and no process stays behind."""
    found = ask(child(tmp_path, body), seconds=1 if "sleep" in body else 30)
    assert found.results == ()
    assert why in found.why


def test_a_child_is_killed_when_nobody_waits(tmp_path: Path) -> None:
    """Its process is gone when the search returns."""
    mark = tmp_path / "pid"
    provider = child(tmp_path, f"open({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)")
    found = provider.search(
        "q",
        3,
        deadline=time.monotonic() + 30,
        should_stop=lambda: mark.exists() and bool(mark.read_text()),
    )
    assert found.why == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


@pytest.mark.parametrize(
    ("replies", "status"),
    [
        ([], "unreachable"),
        ([(200, "<p>nothing</p>")], "none"),
        ([(202, "")], "rate_limited"),
        ([(200, "<p>nothing</p>"), (429, "")], "rate_limited"),
        ([(200, "Please solve this CAPTCHA")], "blocked"),
        ([(403, "")], "blocked"),
    ],
)
def test_an_engine_that_keeps_us_out_is_told_from_one_that_found_nothing(
    replies: list[tuple[int, str]], status: str
) -> None:
    """ddgs says "No results found." for both; what came through its client says more."""
    coming = iter(replies)
    watched = Watched(
        lambda: SimpleNamespace(**dict(zip(("status_code", "text"), next(coming), strict=True)))
    )
    for _ in replies:
        watched()
    assert watched.verdict()[0] == status


def test_the_real_library_without_a_network_is_unreachable() -> None:
    """Sent through a proxy on the loopback that is not there, it says so and leaves no trace."""
    pytest.importorskip("ddgs")
    reply = search("radium", 3, 2.0, engines="mojeek", proxy="http://127.0.0.1:9")
    assert (reply["status"], reply["why"]) == ("unreachable", "no engine answered")
