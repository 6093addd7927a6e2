"""The command line's frame: help, versions, unknown commands, and errors that stay readable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from chatapp.cli import main as cli_main
from chatapp.cli.errors import CliError, ExitCode, as_cli_error
from chatapp.cli.main import COMMANDS, Entry, main
from chatapp.version import __version__

ROOT = Path(__file__).resolve().parents[2]


AddCommand = Callable[[Callable[[], None]], None]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the real program in a process of its own, with no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "chatapp", *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


@pytest.fixture
def add_command(monkeypatch: pytest.MonkeyPatch) -> AddCommand:
    """Return a function that puts a command into the table for one test."""

    def add(function: Callable[[], None]) -> None:
        command = click.command("probe")(function)
        monkeypatch.setattr(sys.modules[__name__], "PROBE", command, raising=False)
        monkeypatch.setitem(COMMANDS, "probe", Entry(f"{__name__}:PROBE", "Probe."))

    return add


def test_help_lists_every_command_and_imports_none() -> None:
    """`--help` prints the table; no command's module is imported for it."""
    code = (
        "import sys; from chatapp.cli.main import main; main(['--help']);"
        "print(sorted(m for m in sys.modules if m.startswith(('chatapp.', 'retrieval'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    imported = done.stdout.splitlines()[-1]
    assert imported == str(
        ["chatapp.cli", "chatapp.cli.errors", "chatapp.cli.main", "chatapp.version"]
    )


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_exists_and_explains_itself(name: str) -> None:
    """Each entry leads to a command whose `--help` succeeds."""
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: chatapp {name}")


def test_version_is_the_package_version() -> None:
    """`--version` prints the one version string."""
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"chatapp, version {__version__}\n")


def test_an_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the fingers is a usage error that names the command that was meant."""
    assert main(["idnex", "status"]) == ExitCode.USAGE
    assert "did you mean `chatapp index`?" in capsys.readouterr().err


def test_the_chat_refuses_to_open_without_a_terminal() -> None:
    """In a pipe, plain `chatapp` says what to use instead."""
    done = run()
    assert done.returncode == ExitCode.USAGE
    assert "chatapp ask" in done.stderr
    assert done.stdout == ""


def test_a_surprise_is_one_line_and_a_log_file(
    add_command: AddCommand, chatapp_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unexpected exception shows no traceback; the log holds it, without the arguments."""

    def broken() -> None:
        raise RuntimeError("a wheel\ncame off")

    add_command(broken)
    assert main(["probe"]) == ExitCode.ERROR
    shown = capsys.readouterr()
    log = chatapp_home / "chatapp.log"
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "error: something went wrong inside chatapp (RuntimeError: a wheel came off)",
        f"  fix: the details are in {log}; please report them with what you did.",
    ]
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert "RuntimeError: a wheel" in log.read_text(encoding="utf-8")


def test_a_surprise_with_a_home_that_cannot_be_written_is_still_one_line(
    add_command: AddCommand,
    chatapp_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It goes to a temporary file of its own, whose name nobody else could have taken before."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "file" / "below-a-file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken() -> None:
        raise RuntimeError("again")

    add_command(broken)
    assert main(["probe"]) == ExitCode.ERROR
    [log] = tmp_path.glob("chatapp-*.log")
    assert f"the details are in {log};" in capsys.readouterr().err
    assert "RuntimeError: again" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("raised", [KeyboardInterrupt, click.exceptions.Abort])
def test_ctrl_c_ends_with_130_and_other_aborts_with_1(
    raised: type[BaseException], add_command: AddCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl+C is exit code 130; a prompt that got end-of-file is a plain error."""

    def interrupted() -> None:
        raise raised

    add_command(interrupted)
    expected = ExitCode.SIGINT if raised is KeyboardInterrupt else ExitCode.ERROR
    assert main(["probe"]) == expected
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error_message() -> None:
    """`chatapp … | head -1` prints nothing on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "chatapp", "config", "show"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_a_storage_error() -> None:
    """Output that cannot be written says so, with the code for storage."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "chatapp", "config", "show"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == ExitCode.STORAGE
    assert done.stderr.startswith("error: cannot write: No space left on device\n  fix: ")
    assert "Traceback" not in done.stderr


def test_a_deleted_working_directory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell that stands in a directory that is gone gets told so."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["config", "show"]) == ExitCode.ERROR
    assert "no longer exists" in capsys.readouterr().err


def test_sigint_of_a_real_process_is_exit_code_130(tmp_path: Path) -> None:
    """A signal in the middle of a command is quiet and has the shell's code."""
    script = (
        "import sys, time, click; from chatapp.cli import main as m;"
        "sys.modules['probe'] = p = type(sys)('probe');"
        "p.probe = click.command()(lambda: (print('ready', flush=True), time.sleep(60)));"
        "m.COMMANDS['probe'] = m.Entry('probe:probe', '');"
        "sys.exit(m.main(['probe']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)  # into the sleep, past the print
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == ExitCode.SIGINT
    assert "Traceback" not in errors


def test_an_error_that_a_room_promises_keeps_its_words_and_gets_its_code() -> None:
    """Rooms know nothing of exit codes; the table gives each promised error one."""
    from chatapp.inference.generator import ContextOverflow
    from chatapp.settings import SettingsError

    error = as_cli_error(SettingsError("no such key", hint="use another."))
    assert error is not None
    assert (error.message, error.hint, error.exit_code) == ("no such key", "use another.", 2)
    overflow = as_cli_error(ContextOverflow("9 tokens too many"))
    assert overflow is not None
    assert (overflow.message, overflow.exit_code) == ("9 tokens too many", ExitCode.LIMIT)
    assert as_cli_error(ValueError("a surprise")) is None


def test_the_promised_errors_are_the_ones_the_rooms_define() -> None:
    """Every name in the table belongs to an exception of ours; a renamed one is noticed."""
    from chatapp.cli import errors

    rooms = ("chatapp", "retrieval", "tools")
    sources = [path for name in rooms for path in ROOT.glob(f"{name}/**/*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    missing = [name for name in errors._PROMISED if f"class {name}(" not in text]
    assert missing == []


def test_the_fix_stands_below_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A `CliError` prints the message, and the fix on a line of its own."""
    CliError("the door is shut", hint="open it.").show()
    assert capsys.readouterr().err == "error: the door is shut\n  fix: open it.\n"
    assert cli_main.cli.name == "cli"
