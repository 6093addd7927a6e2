"""The terminal chat under load, in a real pseudo-terminal: first frame, typing, memory, peers.

- First paint: from starting the process until the input's placeholder is on the screen, with a
  conversation of `--messages` messages to open; a bare Textual app beside it.
- Echo: single keys are typed while an answer of `--tokens` tokens streams in that conversation;
  each is timed from the write until its character comes back. The scripted model says `--rate`
  words a second, so it is the screen that is measured and not a model.
- Memory: resident bytes with an empty database and with a conversation of 10,000 messages.
- Peers (`--peers FOLDER`): elia, oterm and `llm chat`, each in its own environment in that folder,
  where `--install-peers FOLDER` puts them before anything is measured; one that cannot be
  installed or shows nothing is left out, and said so.

    python benchmarks/tui.py --install-peers /tmp/peers
    python benchmarks/tui.py --runs 10 --peers /tmp/peers
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import pty
import select
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS, COLUMNS = 40, 120
TIMEOUT_SECONDS = 30.0
PLACEHOLDER = b"sk anything"  # its first letter stands under the cursor, in a style of its own
KEYS = "QWXYZV"  # letters that neither the answer nor an escape sequence of Textual's holds
KEY_SECONDS = 0.06
BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("Ask anything")
Bare().run()
"""
PEERS = {
    "elia": (["elia-chat"], ["elia"], b"Elia"),
    "oterm": (["oterm"], ["oterm"], b"@"),  # its splash is a logo drawn in this letter
    "llm_chat": (["llm"], ["llm", "chat"], b"Chatting with"),
}
"""What to install, what to start, and a text of its first screen."""


class Program:
    """A program in a terminal of its own, killed at the end."""

    def __init__(self, command: list[str], **environ: str) -> None:
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm-256color", **environ})
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvp(command[0], command)
        self.seen = b""

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *args: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)

    def wait_for(self, *texts: bytes, seconds: float = TIMEOUT_SECONDS) -> float:
        """Read until one of the texts came; return the time. Raises TimeoutError."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            if any(text in self.seen for text in texts):
                return time.perf_counter()
            self.read(0.05)
        raise TimeoutError(f"{texts!r} did not come in {seconds} s: {self.seen[-300:]!r}")

    def read(self, seconds: float) -> None:
        """Take in what comes within `seconds`, returning as soon as something has come."""
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError as error:
                raise TimeoutError(f"the program ended: {self.seen[-300:]!r}") from error

    def type(self, text: str) -> None:
        """Send keys and forget what was on the screen before."""
        self.seen = b""
        os.write(self.fd, text.encode())

    def resident_bytes(self) -> int:
        """Return the memory that the program holds."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the kernel names no resident size")


def chatapp(home: Path, *, tokens: int = 1, rate: float = 1000.0) -> Program:
    """Start the chat with a scripted model, through this very file."""
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        "--serve",
        "--tokens",
        str(tokens),
        "--rate",
        str(rate),
    ]
    return Program(command, CHATAPP_HOME=str(home), PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")


def answer(tokens: int) -> str:
    """Return so many words: paragraphs of 64, every fourth of them a list of 8 lines instead."""
    words = []
    for n in range(tokens):
        paragraph, place = divmod(n, 64)
        listed = paragraph % 4 == 3 and place % 8 == 0
        end = "\n\n" if place == 63 else "\n" if paragraph % 4 == 3 and place % 8 == 7 else ""
        words.append(("- " if listed else "") + _WORDS[n % len(_WORDS)] + end)
    return " ".join(words).replace("\n ", "\n")


_WORDS = ("lorem", "**ipsum**", "dolor", "`sit`", "amet,", "elit.", "sed", "do")


def serve(tokens: int, rate: float) -> int:
    """Be the chat: the real app, its model replaced by one that says words at a steady pace."""
    from chatapp.assistant import factory
    from chatapp.settings import GenerationSettings, Settings
    from chatapp.tui.app import run_tui
    from tests.fakes import FakeGenerator

    text = answer(tokens)
    factory._load_generator = lambda settings: FakeGenerator(
        text, delay=1 / rate, context_length=4 * tokens
    )
    return run_tui(Settings(generation=GenerationSettings(max_tokens=2 * tokens)))


def fill(home: Path, messages: int) -> None:
    """Put one conversation of so many messages into the home's database."""
    from chatapp.conversations import ConversationStore
    from chatapp.conversations.types import Outcome

    home.mkdir(parents=True)
    store = ConversationStore.open(home / "chatapp.sqlite3")
    conversation = store.create("a long conversation")
    answer = (
        "An **answer** with `code`, a [link](https://example.org) and a list.\n\n- one\n- two\n"
    )
    for number in range(messages // 2):
        begun = store.begin_turn(conversation.id, f"Question number {number}?").result()
        done = store.finish(begun.assistant.id, Outcome(answer * 3, "complete", "stop", "model"))
    done.result()
    store.close()


def first_paint(command: list[str], text: bytes, **environ: str) -> float:
    """Return the seconds from starting a program until `text` is on its screen."""
    with Program(command, **environ) as program:
        return program.wait_for(text) - program.began


def echo(home: Path, tokens: int, rate: float) -> list[float]:
    """Return the seconds each key took while an answer streamed."""
    with chatapp(home, tokens=tokens, rate=rate) as program:
        program.wait_for(b"fake")
        program.type("hello\r")
        program.wait_for(b"lorem")
        times: list[float] = []
        until = time.perf_counter() + tokens / rate * 0.9
        while time.perf_counter() < until:
            key = KEYS[len(times) % len(KEYS)]
            program.type(key)
            sent = time.perf_counter()
            times.append(program.wait_for(key.encode()) - sent)
            while (left := sent + KEY_SECONDS - time.perf_counter()) > 0:
                program.read(left)  # the stream goes on; nobody waits for it
    streamed = last_answer(home)
    if not tokens / 2 < streamed < tokens:  # it may be slower than asked for, but must still run
        raise RuntimeError(f"{streamed} of {tokens} words were streamed while keys were typed")
    return times


def last_answer(home: Path) -> int:
    """Return the words of the newest answer as stored."""
    with sqlite3.connect(home / "chatapp.sqlite3") as db:
        query = "select text from messages where role = 'assistant' order by key desc limit 1"
        return len(str(db.execute(query).fetchone()[0]).split())


def memory(home: Path) -> int:
    """Return the resident bytes once the model is there and the last message is shown."""
    with chatapp(home) as program:
        program.wait_for(b"fake")
        time.sleep(2.0)  # garbage of the start is collected, nothing else happens
        return program.resident_bytes()


def install(folder: Path) -> None:
    """Put every peer that can be had into an environment of its own."""
    for name, (packages, _, _) in PEERS.items():
        venv.create(folder / name, with_pip=True)
        done = subprocess.run(
            [folder / name / "bin" / "pip", "install", "--quiet", *packages],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print(f"{name}: it cannot be installed: {done.stderr[-200:]}", file=sys.stderr)


def peers(folder: Path, runs: int, home: Path) -> dict[str, list[float]]:
    """Return the start times of every peer that is installed and shows something."""
    times = {}
    home.mkdir()
    for name, (_, (program, *options), text) in PEERS.items():
        installed = folder / name / "bin" / program
        if not installed.exists():
            print(f"{name}: left out, it is not installed", file=sys.stderr)
            continue
        try:
            times[f"{name}_s"] = repeated([str(installed), *options], text, runs, HOME=str(home))
        except TimeoutError as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
    return times


def repeated(command: list[str], text: bytes, runs: int, **environ: str) -> list[float]:
    """Return `runs` start times after one that warms the disk cache."""
    first_paint(command, text, **environ)
    return [first_paint(command, text, **environ) for _ in range(runs)]


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """Return all samples by name."""
    long, empty, huge = folder / "long", folder / "empty", folder / "huge"
    fill(long, arguments.messages)
    fill(huge, 10_000)
    empty.mkdir()
    environ = {"CHATAPP_HOME": str(long)}
    chat = [sys.executable, "-m", "chatapp"]
    samples = {
        "first_paint_s": repeated(chat, PLACEHOLDER, arguments.runs, **environ),
        "bare_textual_s": repeated(
            [sys.executable, "-c", BARE_APP], PLACEHOLDER, arguments.runs, **environ
        ),
        "echo_s": echo(long, arguments.tokens, arguments.rate),
        "memory_empty_mb": [memory(empty) / 1e6],
        "memory_10000_mb": [memory(huge) / 1e6],
    }
    if arguments.peers:
        samples |= peers(arguments.peers.resolve(), arguments.runs, folder / "peer-home")
    return samples


def main() -> int:
    """Measure; print a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=80.0)
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="start the peers there too")
    parser.add_argument("--install-peers", type=Path, metavar="FOLDER", help="and do nothing else")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.install_peers:
        install(arguments.install_peers)
        return 0
    if arguments.serve:
        return serve(arguments.tokens, arguments.rate)
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        samples = measure(arguments, Path(folder))
    metrics = {name: statistics.median(values) for name, values in samples.items()}
    metrics["echo_p95_s"] = statistics.quantiles(samples["echo_s"], n=20)[-1]
    metrics["echo_worst_s"] = max(samples["echo_s"])
    errors = {
        name: statistics.stdev(values) / len(values) ** 0.5
        for name, values in samples.items()
        if len(values) > 1
    }
    for name, value in metrics.items():
        print(f"{name:<18} {value:10.4f}", file=sys.stderr)
    line = {
        "metrics": {name: round(value, 4) for name, value in metrics.items()},
        "n": {name: len(values) for name, values in samples.items()},
        "stderr": {name: round(value, 4) for name, value in errors.items()},
        "config": {
            "rows": ROWS,
            "columns": COLUMNS,
            "messages": arguments.messages,
            "tokens": arguments.tokens,
            "rate": arguments.rate,
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}",
    }
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
