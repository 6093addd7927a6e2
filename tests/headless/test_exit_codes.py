"""Every exit code that the handbook names, each from a real process with real pipes."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import time
from array import array
from pathlib import Path

import pytest

from chatapp import paths
from chatapp.cli.errors import ExitCode

TIMEOUT = 60


def finish(child: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Wait for the end; return the exit code and what stderr said."""
    _, err = child.communicate(timeout=TIMEOUT)
    return child.returncode, (err or b"").decode()


def wait_until_read(pipe: int) -> None:
    """Wait until nothing is left in `pipe`: before that Python itself may still be starting."""
    until = time.monotonic() + TIMEOUT
    left = array("i", [1])
    while left[0]:
        assert time.monotonic() < until, "nobody reads the pipe"
        time.sleep(0.01)
        fcntl.ioctl(pipe, termios.FIONREAD, left)


class TestCodes:
    def test_0_all_went_well(self, spawn):
        assert finish(spawn("ask", "Who painted the Mona Lisa?")) == (ExitCode.OK, "")

    def test_1_the_model_is_broken(self, spawn, tmp_path: Path, monkeypatch):
        monkeypatch.setenv("CHATAPP_FAKE_FAILS", "1")
        code, err = finish(spawn("ask", "hello"))
        assert code == ExitCode.ERROR
        assert "error: " in err
        assert "fix: " in err

    def test_2_wrong_use(self, spawn):
        assert finish(spawn("ask", "--nonsense"))[0] == ExitCode.USAGE

    def test_3_not_found(self, spawn):
        assert finish(spawn("run", "nowhere.yaml"))[0] == ExitCode.NOT_FOUND

    def test_4_a_limit(self, spawn, tmp_path: Path):
        script = tmp_path / "s.yaml"
        script.write_text("- user: hello\n")
        code, err = finish(spawn("run", str(script), "--timeout", "0.5", delay=0.2))
        assert code == ExitCode.LIMIT
        assert "longer than 0.5 seconds" in err

    def test_4_a_limit_while_the_model_is_loaded(self, spawn, tmp_path: Path, monkeypatch):
        """The limit is one of the whole session: nobody waits for a load that goes on."""
        script = tmp_path / "s.yaml"
        script.write_text("- user: hello\n")
        monkeypatch.setenv("CHATAPP_FAKE_LOADS", str(2 * TIMEOUT))  # longer than `finish` waits
        code, err = finish(spawn("run", str(script), "--timeout", "0.5"))
        assert code == ExitCode.LIMIT
        assert "longer than 0.5 seconds" in err

    def test_5_a_tool_needs_approval(self, spawn, tmp_path: Path, chatapp_home: Path):
        (tmp_path / "notes.txt").write_text("secret\n")
        (chatapp_home / "config.toml").write_text(f'[tools]\nfolders = ["{tmp_path}"]\n')
        assert finish(spawn("ask", "read the file notes.txt"))[0] == ExitCode.APPROVAL

    def test_6_storage(self, spawn):
        paths.database_path().mkdir(parents=True)
        assert finish(spawn("ask", "hello"))[0] == ExitCode.STORAGE

    def test_7_an_expectation(self, spawn, tmp_path: Path):
        script = tmp_path / "s.yaml"
        script.write_text("- user: hello\n- expect: {contains: zebra}\n")
        assert finish(spawn("run", str(script), delay=0))[0] == ExitCode.EXPECT

    @pytest.mark.parametrize(
        ("number", "code"),
        [(signal.SIGINT, ExitCode.SIGINT), (signal.SIGTERM, ExitCode.SIGTERM)],
    )
    @pytest.mark.parametrize("command", ["ask", "run"])
    def test_130_and_143_signals(self, spawn, tmp_path: Path, number, code, command):
        script = tmp_path / "s.yaml"
        script.write_text("- user: hello\n- user: hi\n")
        child = spawn(command, "hello" if command == "ask" else str(script))
        child.stdout.read(20)
        child.send_signal(number)
        assert finish(child)[0] == code

    def test_130_before_anything_was_said(self, spawn):
        """Ctrl-C while a pipe is being waited for."""
        reader, writer = os.pipe()
        child = spawn("run", "-", stdin=reader)
        os.write(writer, b"- user: ")
        try:
            wait_until_read(reader)
            child.send_signal(signal.SIGINT)
            assert finish(child)[0] in (ExitCode.SIGINT, -signal.SIGINT)
        finally:
            os.close(reader)
            os.close(writer)


class TestNobodyWaits:
    """Without a terminal, a command never waits for input that it was not given."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("ask", "hello"),
            ("ask", "read the file notes.txt"),
            ("conversations", "list"),
            ("replay", "nowhere.jsonl"),
            ("memory", "forget", "peanuts"),
        ],
        ids=" ".join,
    )
    def test_an_inherited_pipe_that_nobody_closes_is_left_alone(
        self, spawn, arguments, tmp_path: Path, chatapp_home: Path
    ):
        (chatapp_home / "config.toml").write_text(f'[tools]\nfolders = ["{tmp_path}"]\n')
        reader, writer = os.pipe()
        try:
            child = spawn(*arguments, stdin=reader, delay=0)
            child.communicate(timeout=TIMEOUT)
        finally:
            os.close(reader)
            os.close(writer)
        assert child.returncode is not None

    def test_at_a_terminal_without_a_question_it_says_so(self, spawn):
        leader, follower = pty.openpty()
        try:
            code, err = finish(spawn("ask", stdin=follower))
        finally:
            os.close(follower)
            os.close(leader)
        assert code == ExitCode.USAGE
        assert "there is no question" in err

    def test_at_a_terminal_a_tool_is_denied_and_not_asked_about(
        self, spawn, tmp_path: Path, chatapp_home: Path
    ):
        """`ask` is for pipelines: even with a terminal it answers at once."""
        (chatapp_home / "config.toml").write_text(f'[tools]\nfolders = ["{tmp_path}"]\n')
        leader, follower = pty.openpty()
        try:
            code, _ = finish(spawn("ask", "read the file notes.txt", stdin=follower))
        finally:
            os.close(follower)
            os.close(leader)
        assert code == ExitCode.APPROVAL

    def test_the_end_of_a_pipe_is_the_end_of_the_question(self, spawn):
        child = spawn("ask", stdin=subprocess.PIPE, delay=0)
        out, _ = child.communicate(b"Who painted the Mona Lisa?", timeout=TIMEOUT)
        assert child.returncode == 0
        assert out.startswith(b"Leonardo")
