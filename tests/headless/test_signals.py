"""Ctrl-C and its relatives in the middle of an answer: the text so far is printed and kept."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from chatapp import paths
from chatapp.conversations import ConversationStore


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_partial_answer_is_printed_and_kept(spawn, number, code):
    child = spawn("ask", "hello")
    first = child.stdout.read(20)
    child.send_signal(number)
    rest, err = child.communicate(timeout=60)
    assert child.returncode == code
    assert err == b""
    store = ConversationStore.open(paths.database_path())
    [answer] = store.interrupted()
    store.close()
    assert (first + rest).decode().strip() == answer.text.strip()
    assert answer.finish_reason == "interrupted"


def test_a_stopped_session_says_so_in_its_last_line(spawn):
    child = spawn("ask", "hello", "--output", "jsonl")
    for _ in range(5):
        child.stdout.readline()
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=60)
    end = json.loads(rest.splitlines()[-1])
    assert (end["type"], end["status"], end["exit_code"]) == ("session.end", "interrupted", 130)
    assert end["text"].startswith("word0 ")


def test_a_reader_that_leaves_ends_the_answer_quietly(spawn):
    """As in `chatapp ask … | head -c 20`."""
    child = spawn("ask", "hello")
    child.stdout.read(20)
    child.stdout.close()
    err = child.stderr.read()
    child.stderr.close()
    child.wait(timeout=60)
    assert err == b""
    store = ConversationStore.open(paths.database_path())
    [answer] = store.interrupted()
    store.close()
    assert answer.text.startswith("word0 ")


def test_nobody_waits_for_a_worker_that_is_busy(spawn):
    """The model takes a minute for its next word; Ctrl-C ends the program all the same."""
    child = spawn("ask", "hello", "--output", "jsonl", delay=60)
    for _ in range(2):
        child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode == 130


def test_a_script_is_stopped_too(spawn, tmp_path):
    script = tmp_path / "s.jsonl"
    script.write_text('{"user": "hello"}\n{"user": "hi"}\n')
    child = spawn("run", str(script), stderr=subprocess.STDOUT)
    child.stdout.read(20)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    store = ConversationStore.open(paths.database_path())
    assert len(store.messages(store.latest().id)) == 2
    store.close()
