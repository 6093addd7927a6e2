"""Ctrl-C and its relatives in the middle of an answer: the text so far is printed and kept."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
import termios
import time

import pytest

from chatapp import paths
from chatapp.conversations import ConversationStore

SLOWLY = 0.05  # seconds a word: on a busy machine, too, the signal comes before the last one


def heed_hang_up() -> None:
    """Undo what a child of `nohup` inherits, and tests that were started below it with it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_partial_answer_is_printed_and_kept(spawn, number, code):
    child = spawn("ask", "hello", delay=SLOWLY, preexec_fn=heed_hang_up)
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
    child = spawn("ask", "hello", "--output", "jsonl", delay=SLOWLY)
    for _ in range(5):
        child.stdout.readline()
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=60)
    end = json.loads(rest.splitlines()[-1])
    assert (end["type"], end["status"], end["exit_code"]) == ("session.end", "interrupted", 130)
    assert end["text"].startswith("word0 ")


def test_a_reader_that_leaves_ends_the_answer_quietly(spawn):
    """As in `chatapp ask … | head -c 20`."""
    child = spawn("ask", "hello", delay=SLOWLY)
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


def test_asked_twice_it_goes_even_while_its_reader_does_not_read(spawn, tmp_path):
    """As in `chatapp run … | less`: the pipe is full, so the event loop waits in a write."""
    script = tmp_path / "s.jsonl"
    script.write_text('{"user": "hello"}\n' * 3)
    child = spawn("run", str(script), "--output", "jsonl", delay=0)
    fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, 4096)
    waiting = bytearray(4)
    while int.from_bytes(waiting, sys.byteorder) < 3_500:
        time.sleep(0.02)
        fcntl.ioctl(child.stdout, termios.FIONREAD, waiting)
    while child.poll() is None:
        child.send_signal(signal.SIGINT)
        time.sleep(0.1)
    child.communicate()
    assert child.returncode == -signal.SIGINT


def test_a_signal_that_nohup_holds_off_does_not_end_a_script(spawn):
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which a child inherits
    try:
        child = spawn("ask", "hello", delay=0.002)
    finally:
        signal.signal(signal.SIGHUP, ignored)
    child.stdout.read(20)
    child.send_signal(signal.SIGHUP)
    child.communicate(timeout=60)
    assert child.returncode == 0


def test_ctrl_c_while_python_ends_prints_no_traceback():
    program = (
        "import atexit, os, signal, chatapp.__main__, chatapp.cli.main\n"
        "chatapp.cli.main.main = lambda: 0\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        "chatapp.__main__.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
