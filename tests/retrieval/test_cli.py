"""`chatapp index` as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.retrieval.conftest import article, write_records

ROOT = Path(__file__).resolve().parents[2]


def chatapp(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the real command; the test's own `CHATAPP_HOME` is in the environment."""
    command = [sys.executable, "-m", "chatapp", "index", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_add_search_remove(tmp_path: Path) -> None:
    """The three verbs work together, and json is one object on stdout."""
    note = tmp_path / "note.txt"
    note.write_text("The capybara is the largest rodent.")
    added = chatapp("add", note, "--output", "json")
    assert added.returncode == 0
    assert json.loads(added.stdout)["added"] == 1
    found = chatapp("search", "largest rodent", "--output", "jsonl").stdout.splitlines()
    assert json.loads(found[0])["passage"]["title"] == "note"
    assert json.loads(found[-1])["hits"] == [json.loads(found[0])]
    assert chatapp("remove", note).returncode == 0
    assert chatapp("search", "rodent").returncode == 3


@pytest.mark.parametrize("query", ["", "  ", "?!"])
def test_a_search_for_no_word_is_bad_input(query: str) -> None:
    """It says what to give, with the exit code of wrong usage."""
    done = chatapp("search", query)
    assert done.returncode == 2
    assert "holds no word" in done.stderr
    assert "fix: give words" in done.stderr


def test_a_missing_path_exits_with_3_and_the_rest_is_indexed(tmp_path: Path) -> None:
    """The warning and its fix go to stderr; what exists is added."""
    note = tmp_path / "note.txt"
    note.write_text("Text.")
    done = chatapp("add", tmp_path / "absent", note, "--output", "json")
    assert done.returncode == 3
    assert "no such file or folder" in done.stderr
    assert json.loads(done.stdout)["added"] == 1


def test_a_damaged_index_exits_with_6(chatapp_home: Path) -> None:
    """Storage trouble has its own exit code, a message and a fix, and no traceback."""
    (chatapp_home / "index").mkdir()
    (chatapp_home / "index" / "index.sqlite3").write_bytes(b"nonsense " * 1000)
    done = chatapp("status")
    assert done.returncode == 6
    assert "damaged" in done.stderr
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_exits_with_130_and_the_next_run_continues(
    chatapp_home: Path, tmp_path: Path
) -> None:
    """An interrupted add keeps what it has, says how to go on, and does go on."""
    path = write_records(tmp_path / "a.jsonl.xz", [article(n) for n in range(6000)])
    database = chatapp_home / "index" / "index.sqlite3-wal"
    child = subprocess.Popen(
        [sys.executable, "-m", "chatapp", "index", "add", path],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        while child.poll() is None and not (database.exists() and database.stat().st_size > 1e6):
            os.sched_yield()
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate()
    assert child.returncode == 130
    assert "again to continue" in stderr
    report = json.loads(chatapp("add", path, "--output", "json").stdout)
    assert 0 < report["added"] < 6000
    assert json.loads(chatapp("status", "--output", "json").stdout)["documents"] == 6000
