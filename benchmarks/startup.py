"""How long a person waits: `chatapp --help`, and the first frame of the terminal UI.

The first frame is timed in a pseudo-terminal, from starting the process to the moment the output
holds the text of the input's placeholder. A bare Textual app that shows the same text is the peer:
the least that any Textual program takes here. Each figure is the median of `--runs` runs after one
that warms the disk cache; the home is a scratch directory, so a person's data is not touched.

    python benchmarks/startup.py --runs 10
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
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable

TEXT = b"sk anything"  # its first letter stands under the cursor, in a style of its own
ROWS, COLUMNS = 40, 120
TIMEOUT_SECONDS = 30.0

BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("Ask anything")
Bare().run()
"""

CHATAPP = [sys.executable, "-m", "chatapp"]
BARE = [sys.executable, "-c", BARE_APP]


def time_help() -> float:
    """Return the seconds `chatapp --help` takes from start to exit."""
    began = time.perf_counter()
    subprocess.run([*CHATAPP, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def time_first_paint(command: list[str]) -> float:
    """Return the seconds from starting `command` in a terminal until TEXT is on its screen."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execv(command[0], command)
    try:
        return _wait_for_text(terminal, began)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def _wait_for_text(terminal: int, began: float) -> float:
    seen = b""
    while time.perf_counter() - began < TIMEOUT_SECONDS:
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65536)
            if TEXT in seen:
                return time.perf_counter() - began
    raise TimeoutError(f"{TEXT!r} was not painted in {TIMEOUT_SECONDS} s: {seen[-500:]!r}")


def measure(once: Callable[[], float], runs: int) -> tuple[float, float]:
    """Return the median of `runs` timings and the standard error of their mean."""
    once()
    times = [once() for _ in range(runs)]
    return statistics.median(times), statistics.stdev(times) / runs**0.5


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = max(2, parser.parse_args().runs)
    with tempfile.TemporaryDirectory() as home:
        os.environ["CHATAPP_HOME"] = home
        results = {
            "help_s": measure(time_help, runs),
            "first_paint_s": measure(lambda: time_first_paint(CHATAPP), runs),
            "bare_textual_s": measure(lambda: time_first_paint(BARE), runs),
        }
    for name, (median, error) in results.items():
        print(f"{name:<16} {median:.3f} ± {error:.3f}", file=sys.stderr)
    medians = {name: median for name, (median, _) in results.items()}
    medians["ratio_bare_textual"] = medians["first_paint_s"] / medians["bare_textual_s"]
    line = {
        "metrics": {name: round(value, 4) for name, value in medians.items()},
        "n": runs,
        "stderr": {name: round(error, 4) for name, (_, error) in results.items()},
        "config": {"rows": ROWS, "columns": COLUMNS},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
